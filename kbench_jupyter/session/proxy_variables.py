"""The environment variables by which the task SDK finds the model proxy, and which ``init`` and ``auth`` write."""

URL, KEY, EXPIRY = "MODEL_PROXY_URL", "MODEL_PROXY_API_KEY", "MODEL_PROXY_EXPIRY_TIME"
DEFAULT, JUDGE, AVAILABLE = "LLM_DEFAULT", "LLM_DEFAULT_EVAL", "LLMS_AVAILABLE"
#: All of them; read by the task SDK alone.
VARIABLES = (URL, KEY, EXPIRY, DEFAULT, JUDGE, AVAILABLE)
