import type { FieldKind, MessageShape } from './protobuf.js'

/*
 * The messages of onnx.proto (ONNX 1.19, IR version 12) as far as they are read. Attributes of nodes that are plain
 * numbers, texts about the model, and the contents of tensors are skipped where they are not listed.
 */
const shape = (name: string, fields: Readonly<Record<number, FieldKind>>): MessageShape => ({ name, fields })

export const MODEL = shape('ModelProto', {
  1: 'varint', // ir_version
  2: 'bytes', // producer_name
  7: 'bytes', // graph
  8: 'bytesMany', // opset_import
  14: 'bytesMany', // metadata_props
  20: 'bytesMany', // training_info
  25: 'bytesMany' // functions
})

export const OPSET = shape('OperatorSetIdProto', { 1: 'bytes', 2: 'varint' })

export const ENTRY = shape('StringStringEntryProto', { 1: 'bytes', 2: 'bytes' })

export const TRAINING = shape('TrainingInfoProto', { 1: 'bytes', 2: 'bytes' })

export const FUNCTION = shape('FunctionProto', {
  1: 'bytes', // name
  7: 'bytesMany', // node
  8: 'bytes', // doc_string
  10: 'bytes', // domain
  11: 'bytesMany', // attribute_proto
  13: 'bytes' // overload
})

export const GRAPH = shape('GraphProto', {
  1: 'bytesMany', // node
  5: 'bytesMany', // initializer
  11: 'bytesMany', // input
  12: 'bytesMany', // output
  13: 'bytesMany', // value_info
  15: 'bytesMany' // sparse_initializer
})

export const NODE = shape('NodeProto', {
  1: 'bytesMany', // input
  2: 'bytesMany', // output
  4: 'bytes', // op_type
  5: 'bytesMany', // attribute
  7: 'bytes', // domain
  8: 'bytes' // overload
})

export const ATTRIBUTE = shape('AttributeProto', {
  1: 'bytes', // name
  2: 'fixed32', // f
  3: 'varint', // i
  4: 'bytes', // s
  5: 'bytes', // t
  6: 'bytes', // g
  7: 'fixed32s', // floats
  8: 'varints', // ints
  9: 'bytesMany', // strings
  10: 'bytesMany', // tensors
  11: 'bytesMany', // graphs
  20: 'varint', // type
  22: 'bytes', // sparse_tensor
  23: 'bytesMany' // sparse_tensors
})

export const TENSOR = shape('TensorProto', {
  1: 'varints', // dims
  2: 'varint', // data_type
  4: 'fixed32s', // float_data
  5: 'varints', // int32_data
  6: 'bytesMany', // string_data
  7: 'varints', // int64_data
  8: 'bytes', // name
  9: 'bytes', // raw_data
  10: 'fixed64s', // double_data
  11: 'varints', // uint64_data
  13: 'bytesMany', // external_data
  14: 'varint' // data_location
})

export const SPARSE_TENSOR = shape('SparseTensorProto', { 1: 'bytes', 2: 'bytes', 3: 'varints' })

export const VALUE = shape('ValueInfoProto', { 1: 'bytes', 2: 'bytes' })

export const TYPE = shape('TypeProto', { 1: 'bytes', 4: 'bytes', 5: 'bytes', 7: 'bytes', 8: 'bytes', 9: 'bytes' })

/** What a value is, by the field of TypeProto that says so. */
export const VALUE_KINDS = {
  1: 'tensor', 4: 'sequence', 5: 'map', 7: 'opaque', 8: 'sparse-tensor', 9: 'optional'
} as const

export const TENSOR_TYPE = shape('TypeProto.Tensor', { 1: 'varint', 2: 'bytes' })

export const TENSOR_SHAPE = shape('TensorShapeProto', { 1: 'bytesMany' })

export const DIMENSION = shape('TensorShapeProto.Dimension', { 1: 'varint', 2: 'bytes' })

/** An element type: as the Open Inference Protocol calls it, as ModelPack does, and its bits; null for texts. */
export interface ElementType { readonly datatype: string, readonly precision: string, readonly bits: number | null }

const element = (datatype: string, precision: string, bits: number | null): ElementType =>
  ({ datatype, precision, bits })

/** onnx.TensorProto.DataType */
export const ELEMENT_TYPES: Readonly<Record<number, ElementType>> = {
  1: element('FP32', 'float32', 32),
  2: element('UINT8', 'uint8', 8),
  3: element('INT8', 'int8', 8),
  4: element('UINT16', 'uint16', 16),
  5: element('INT16', 'int16', 16),
  6: element('INT32', 'int32', 32),
  7: element('INT64', 'int64', 64),
  8: element('BYTES', 'string', null),
  9: element('BOOL', 'bool', 8),
  10: element('FP16', 'float16', 16),
  11: element('FP64', 'float64', 64),
  12: element('UINT32', 'uint32', 32),
  13: element('UINT64', 'uint64', 64),
  14: element('COMPLEX64', 'complex64', 64),
  15: element('COMPLEX128', 'complex128', 128),
  16: element('BF16', 'bfloat16', 16),
  17: element('FP8E4M3FN', 'float8e4m3fn', 8),
  18: element('FP8E4M3FNUZ', 'float8e4m3fnuz', 8),
  19: element('FP8E5M2', 'float8e5m2', 8),
  20: element('FP8E5M2FNUZ', 'float8e5m2fnuz', 8),
  21: element('UINT4', 'uint4', 4),
  22: element('INT4', 'int4', 4),
  23: element('FP4E2M1', 'float4e2m1', 4),
  24: element('FP8E8M0', 'float8e8m0', 8),
  25: element('UINT2', 'uint2', 2),
  26: element('INT2', 'int2', 2)
}
