import { type ChatTemplate, encodeConversation, type Tokenizer, type ToolDefinition } from '@modu/model'
import { DataError } from './errors.ts'
import type { EncodedDocument } from './shard.ts'
import type { CorpusDocument, CorpusMessage } from './source.ts'

/** Tools by name, from a file of definitions in the OpenAI shape. */
export type Tools = ReadonlyMap<string, ToolDefinition>

const withoutReasoning = ({ reasoning_content: _, ...message }: CorpusMessage): CorpusMessage => message

/**
 * The token sequences of a document. A text is `<|begin|>`, the text, `<|end|>`. A conversation is what the chat template
 * makes of it; one with reasoning comes twice, with it (thinking on) and without it (thinking off), so that the model
 * learns both modes. Errors: `format` for a tool that is not defined.
 */
export function encodeDocument(
  document: CorpusDocument,
  tokenizer: Tokenizer,
  template: ChatTemplate,
  tools: Tools,
): EncodedDocument[] {
  if ('text' in document) {
    const ids = [tokenizer.bosId!, ...tokenizer.encodePlain(document.text), tokenizer.eosId!]
    return [{ ids, counted: ids.map(() => true) }]
  }
  const offered = document.tools?.map(name => {
    const tool = tools.get(name)
    if (!tool)
      throw new DataError('format', `conversation ${document.id}: the tool "${name}" is not in the recipe's toolsFile`)
    return tool
  })
  const encode = (messages: readonly CorpusMessage[]): EncodedDocument => {
    const { ids, labels } = encodeConversation(tokenizer, template, messages, { tools: offered })
    return { ids, counted: labels.map(label => label >= 0) }
  }
  const plain = encode(document.messages.map(withoutReasoning))
  const thinks = document.messages.some(message => message.reasoning_content)
  return thinks ? [encode(document.messages), plain] : [plain]
}
