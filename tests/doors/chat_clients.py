"""Asks through LangChain and LiteLLM, as their documentation says; prints what they answer, as JSON."""

# mypy: ignore-errors

import json
import os

import litellm
from langchain_openai import ChatOpenAI

URL, KEY = f"{os.environ['API']}/openai/v1", os.environ["KEY"]
QUESTION = "How often is the coolant pump inspected?"

chat = ChatOpenAI(base_url=URL, api_key=KEY, model="alcove", max_retries=0)
whole = chat.invoke(QUESTION)
streamed = "".join(str(part.content) for part in chat.stream(QUESTION))
history = [("human", QUESTION), ("ai", str(whole.content)), ("human", "Who inspects it?")]

answered = litellm.completion(
    model="openai/alcove", api_base=URL, api_key=KEY, messages=[{"role": "user", "content": QUESTION}]
)
embedded = litellm.embedding(model="openai/alcove", api_base=URL, api_key=KEY, input=["pump"], encoding_format="float")

print(
    json.dumps(
        {
            "langchain": whole.content,
            "langchain streamed": streamed,
            "langchain with history": chat.invoke(history).content,
            "litellm": answered.choices[0].message.content,
            "litellm embedding": len(embedded.data[0]["embedding"]),
        }
    )
)
