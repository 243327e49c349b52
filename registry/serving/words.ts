/** What a version is used for: raw tensors, or texts through the model's own tokenizer. */
export const TASKS = ['tensor', 'text-classification', 'feature-extraction'] as const

/** The tensor datatypes of the Open Inference Protocol. */
export const DATATYPES = [
  'BOOL', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'INT32', 'INT64', 'FP16', 'FP32', 'FP64', 'BYTES'
] as const

/** How vectors of tokens become one per text. */
export const POOLINGS = ['mean', 'cls', 'none'] as const
