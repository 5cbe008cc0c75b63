"""The connection to the endpoint: key, transport, bodies and failures."""
