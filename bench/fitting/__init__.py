"""Where fitted constants come from: the labelled data and the fits. `python -m bench.fitting` lists them."""
