"""The service: emotions over HTTP and WebSocket, by the same recognizers, and a page for the eye."""
