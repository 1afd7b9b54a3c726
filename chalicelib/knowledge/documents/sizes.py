"""How big files are: what is sent in one request, what a part of a bigger file has, and the most of any file, in bytes.

The reader of files imports this in its worker, so nothing else stands here.
"""

SINGLE_UPLOAD_BYTES = 100 * 1024 * 1024
PART_BYTES = 16 * 1024 * 1024
# The setting max_upload_mb may allow less.
MAX_UPLOAD_BYTES = 1_000_000_000
