"""The assistant through any server with OpenAI's chat completions API: Hugging Face, Ollama, vLLM, llama.cpp.

`provider` sends requests, `request_body` builds them, `sse` and `answer` read the response, `timeouts` limits its duration,
and `error_messages` rewords errors.
"""

from chatserver.providers.openai_chat.provider import DEFAULT_MODEL, OpenAIChat, open_chat
from chatserver.providers.openai_chat.timeouts import ChatLimits

__all__ = ["DEFAULT_MODEL", "ChatLimits", "OpenAIChat", "open_chat"]
