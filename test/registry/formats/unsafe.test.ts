import { describe, expect, it } from 'vitest'
import { refuseUnsafeFormat } from '../../../registry/formats/unsafe.js'

describe('formats that run code when loaded', () => {
  it.each(['a.pt', 'a.PTH', 'b/c.ckpt', 'a.pkl', 'a.pickle', 'a.joblib', 'a.h5', 'a.hdf5', 'a.keras', 'a.pkl.gz', 'x.dill', 'ops.so', 'pytorch_model.bin', 'pytorch_model-00001-of-2.bin'])(
    'refuses %s and says why', (path) => {
      expect(() => refuseUnsafeFormat(path, Buffer.alloc(8))).toThrow(/a format that can run code when it is loaded, so it is refused/)
    })

  it('tells torch’s .bin from external data by its first bytes', () => {
    expect(() => refuseUnsafeFormat('weights.bin', Buffer.from('PK\x03\x04', 'latin1'))).toThrow(/PyTorch pickle/)
    for (const head of [[0x80, 2, 0x8a, 0x0a], [0x80, 3, 0x7d], [0x80, 4, 0x95], [0x80, 5, 0x95]]) {
      expect(() => refuseUnsafeFormat('weights.bin', Buffer.from(head))).toThrow(/PyTorch pickle/)
    }
    expect(() => refuseUnsafeFormat('weights.bin', Buffer.from([0x80, 2, 0x3f, 0x3f]))).not.toThrow()
    expect(() => refuseUnsafeFormat('weights.bin', Buffer.from([0, 0, 0x80, 0x3f]))).not.toThrow()
  })

  it.each(['model.onnx', 'model.onnx_data', 'a.safetensors', 'README.md', 'noending', '.constructor', '.toString'])('accepts %s', (path) => {
    expect(() => refuseUnsafeFormat(path, Buffer.alloc(0))).not.toThrow()
  })

  it.each<[string, string, string]>([
    ['pickle, protocol 4', 'pickle', '\x80\x04\x95'],
    ['pickle, protocol 2', 'pickle', '\x80\x02}q\x00'],
    ['pickle, protocol 1', 'pickle', '}q\x00('],
    ['pickle, protocol 0, a dict', 'pickle', '(dp0\n'],
    ['pickle, protocol 0, a call', 'pickle', 'cos\nsystem\n(S\'id\'\ntR.'],
    ['HDF5', 'Keras HDF5', '\x89HDF\r\n\x1a\n'],
    ['HDF5 behind a user block', 'Keras HDF5', `${'\0'.repeat(512)}\x89HDF\r\n\x1a\n`],
    ['ELF', 'native library', '\x7fELF'],
    ['NumPy objects', 'NumPy object pickle', '\x93NUMPY\x01\0v\0{\'descr\': \'|O\', \'fortran_order\': False']
  ])('are known by their bytes under a harmless name: %s', (_what, kind, head) => {
    expect(() => refuseUnsafeFormat('vocab.txt', Buffer.from(head, 'latin1'))).toThrow(`"vocab.txt" is a ${kind} file`)
  })

  it.each<[string, string]>([
    ['words of which one is a module', 'cos\nsin\npi\n'], ['words', 'cat\ndog\nparrot\n'], ['JSON', '{"a":1}'], ['an empty list', '[]'],
    ['NumPy numbers', '\x93NUMPY\x01\0v\0{\'descr\': \'<f4\', \'fortran_order\': False'], ['nothing', '']
  ])('are not seen in %s', (_what, head) => {
    expect(() => refuseUnsafeFormat('vocab.txt', Buffer.from(head, 'latin1'))).not.toThrow()
  })
})
