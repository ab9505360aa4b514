"""OpenAI's Python client, as published, at the address in the first argument. Prints what it got as JSON."""

import json
import sys

from openai import NotFoundError, OpenAI

client = OpenAI(base_url=sys.argv[1], api_key="unused", max_retries=0)
user = [{"role": "user", "content": "안녕?"}]
weather = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def chat(model, **fields):
    return client.chat.completions.create(model=model, messages=user, **fields)


def error_code():
    try:
        chat("absent")
    except NotFoundError as error:
        return error.code


chunks = [chunk for chunk in chat("polite", stream=True, stream_options={"include_usage": True})]
call = chat("caller", tools=[weather]).choices[0].message.tool_calls[0].function
with client.responses.stream(model="polite", input="안녕?") as events:
    response = [event for event in events][-1].response
vectors = client.embeddings.create(model="random", input=["바다", "산"]).data

print(
    json.dumps(
        {
            "models": [model.id for model in client.models.list()],
            "chat": chat("polite").choices[0].message.content,
            "stream": [choice.delta.content or "" for chunk in chunks for choice in chunk.choices],
            "streamUsage": chunks[-1].usage.total_tokens,
            "thoughts": chat("thinker", reasoning_effort="low").choices[0].message.reasoning_content,
            "call": [call.name, json.loads(call.arguments)],
            "completion": client.completions.create(model="polite", prompt="바다", max_tokens=50).choices[0].text,
            "response": response.output_text,
            "vectors": [vector.embedding for vector in vectors],
            "error": error_code(),
        }
    )
)
