"""Serves Gradio's chat page over the service, as its documentation says, and asks through the page's own requests.

Prints what the page shows, as JSON.
"""

# mypy: ignore-errors

import json
import os

import gradio
from gradio_client import Client

QUESTION = "How often is the coolant pump inspected?"

page = gradio.load_chat(f"{os.environ['API']}/openai/v1", model="alcove", token=os.environ["KEY"], api_name="chat")
_, address, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
browser = Client(address, verbose=False)
shown = browser.predict({"text": QUESTION, "files": []}, api_name="/chat")
page.close()
print(json.dumps(shown))
