"""A small application, for uvicorn as it comes."""


async def app(scope, receive, send):
    """Answers /echo with the body that came, and every other path with a greeting."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    known = {"/": (200, b"hello"), "/echo": (200, body)}
    status, text = known.get(scope["path"], (404, b"not found"))
    length = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": status, "headers": length})
    await send({"type": "http.response.body", "body": text})
