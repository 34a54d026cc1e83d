"""Operators of TensorFlow Lite on arrays of any shape: their axes, parts of them, sums, products of matrices."""

from segalgo.models.files.tflite.reading import TO_NCHW, Operator, Reader, Reading, axis_here


def _moving(operation: str) -> Reader:
    """Return a reader of operators whose output may have another number of axes, by the order of the file."""

    def read(r: Reading, op: Operator) -> None:
        source, written = r.in_file_order(op.inputs[0]), r.from_file_order(op.name, op.outputs[0])
        reads, attributes = [source], {}
        if operation == "Reshape":
            if len(op.inputs) > 1 and op.inputs[1]:
                reads.append(op.inputs[1])
            else:
                attributes["shape"] = [int(op.options.NewShape(k)) for k in range(min(op.options.NewShapeLength(), 32))]
        elif operation == "Squeeze":
            axes = [int(op.options.SqueezeDims(k)) for k in range(min(op.options.SqueezeDimsLength(), 32))]
            attributes = {"axes": axes} if axes else {}
        else:  # Unsqueeze and Transpose take their axes from a constant
            axes = [int(k) for k in r.known(op.inputs[1], op.kind).ravel()]
            attributes = {"perm": axes} if operation == "Transpose" else {"axes": axes}
        r.emit(operation, op.name, reads, [written], **attributes)
        r.settle(written, op.outputs[0])

    return read


def _concat(r: Reading, op: Operator) -> None:
    axis = axis_here(op.options.Axis(), r.rank(op.outputs[0]))
    r.emit("Concat", op.name, [r.maps(tensor) for tensor in op.inputs], op.outputs, axis=axis)


def _reduce(operation: str) -> Reader:
    def read(r: Reading, op: Operator) -> None:
        rank, axes = r.rank(op.inputs[0]), [int(k) for k in r.known(op.inputs[1], op.kind).ravel()]
        keep = bool(op.option("KeepDims", False))
        source = op.inputs[0]
        if keep or sorted(axis % rank for axis in axes) == [1, 2]:
            axes = [axis_here(axis, rank) for axis in axes]
        else:
            source = r.in_file_order(source)
        where = r.constant(axes, op.name)
        r.emit(operation, op.name, [source, where], op.outputs, keepdims=int(keep))

    return read


def _slice(r: Reading, op: Operator) -> None:
    rank = r.rank(op.inputs[0])
    begin, second = (([int(n) for n in r.known(op.inputs[k], op.kind).ravel()]) for k in (1, 2))
    if op.kind == "SLICE":
        steps, squeezed = [1] * rank, []
        ends = [2**31 if n == -1 else b + n for b, n in zip(begin, second, strict=True)]
    else:
        steps, ends = [int(n) for n in r.known(op.inputs[3], op.kind).ravel()], list(second)
        if op.options.EllipsisMask() or op.options.NewAxisMask() or len(begin) != rank:
            r.emit("STRIDED_SLICE with new axes", op.name, op.inputs[:1], op.outputs)
            return
        squeezed = [k for k in range(rank) if op.options.ShrinkAxisMask() >> k & 1]
        for k in range(rank):
            if op.options.BeginMask() >> k & 1:
                begin[k] = 0 if steps[k] > 0 else 2**31
            if op.options.EndMask() >> k & 1:
                ends[k] = 2**31 if steps[k] > 0 else -(2**31)
        for k in squeezed:
            steps[k], ends[k] = 1, 2**31 if begin[k] == -1 else begin[k] + 1
    axes = [axis_here(k, rank) for k in range(rank)]
    lists = [r.constant(values, op.name) for values in (begin, ends, axes, steps)]
    if not squeezed:
        r.emit("Slice", op.name, [op.inputs[0], *lists], op.outputs)
        return
    part = r.new(op.name)
    r.emit("Slice", part, [op.inputs[0], *lists], [part])
    r.shapes[part] = (1,) * rank
    written = r.from_file_order(op.name, op.outputs[0])
    r.emit("Squeeze", op.name, [r.in_file_order(part)], [written], axes=squeezed)
    r.settle(written, op.outputs[0])


def _split(r: Reading, op: Operator) -> None:
    axis = axis_here(int(r.known(op.inputs[0], op.kind).reshape(-1)[0]), r.rank(op.inputs[1]))
    r.emit("Split", op.name, [op.inputs[1]], op.outputs, axis=axis)


def _gather(r: Reading, op: Operator) -> None:
    source, written = r.in_file_order(op.inputs[0]), r.from_file_order(op.name, op.outputs[0])
    if op.option("BatchDims", 0):
        r.emit("GATHER with batches", op.name, op.inputs[:1], op.outputs)
        return
    r.emit("Gather", op.name, [source, op.inputs[1]], [written], axis=op.option("Axis", 0))
    r.settle(written, op.outputs[0])


def _tile(r: Reading, op: Operator) -> None:
    repeats = r.known(op.inputs[1], op.kind)
    ordered = repeats[list(TO_NCHW)] if r.rank(op.inputs[0]) == 4 else repeats
    r.emit("Tile", op.name, [op.inputs[0], r.constant(ordered, op.name)], op.outputs)


def _argmax(r: Reading, op: Operator) -> None:
    rank, axis = r.rank(op.inputs[0]), int(r.known(op.inputs[1], op.kind).reshape(-1)[0])
    if rank == 4 and axis % 4 != 3:
        r.emit("ARG_MAX along rows or columns", op.name, op.inputs[:1], op.outputs)
        return
    r.emit("ArgMax", op.name, op.inputs[:1], op.outputs, axis=axis_here(axis, rank), keepdims=0)


def _fully_connected(r: Reading, op: Operator) -> None:
    """Read a product of rows with weights (O, I)."""
    keep = bool(op.option("KeepNumDims", False))
    source, columns = r.in_file_order(op.inputs[0]), r.shapes[op.inputs[1]][-1]
    if not keep or r.rank(op.inputs[0]) == 2:
        rows = r.new(op.name)
        r.emit("Reshape", rows, [source], [rows], shape=[-1, columns])
        r.emit("Gemm", op.name, [rows, *op.inputs[1:]], op.outputs, transB=1)
        return
    weight, written = r.new(op.name), r.from_file_order(op.name, op.outputs[0])
    r.emit("Transpose", weight, [op.inputs[1]], [weight], perm=[1, 0])
    bias = len(op.inputs) > 2 and op.inputs[2]
    product = r.new(op.name) if bias else written
    r.emit("MatMul", op.name, [source, weight], [product])
    if bias:
        r.emit("Add", f"{op.name}_bias", [product, op.inputs[2]], [written])
    r.settle(written, op.outputs[0])


def _batch_matmul(r: Reading, op: Operator) -> None:
    reads = []
    for tensor, adjoint in zip(op.inputs, (op.options.AdjX(), op.options.AdjY()), strict=True):
        source, rank = r.in_file_order(tensor), r.rank(tensor)
        if adjoint:
            turned = r.new(op.name)
            perm = [*range(rank - 2), rank - 1, rank - 2]
            r.emit("Transpose", turned, [source], [turned], perm=perm)
            source = turned
        reads.append(source)
    written = r.from_file_order(op.name, op.outputs[0])
    r.emit("MatMul", op.name, reads, [written])
    r.settle(written, op.outputs[0])


def _pack(r: Reading, op: Operator) -> None:
    parts, axis = [], op.options.Axis()
    for tensor in op.inputs:
        part = r.new(op.name)
        r.emit("Unsqueeze", part, [r.in_file_order(tensor)], [part], axes=[axis])
        parts.append(part)
    written = r.from_file_order(op.name, op.outputs[0])
    r.emit("Concat", op.name, parts, [written], axis=axis)
    r.settle(written, op.outputs[0])


def _shape(r: Reading, op: Operator) -> None:
    r.emit("Shape", op.name, [r.in_file_order(op.inputs[0])], op.outputs)


READERS: dict[str, Reader] = {
    "RESHAPE": _moving("Reshape"),
    "SQUEEZE": _moving("Squeeze"),
    "EXPAND_DIMS": _moving("Unsqueeze"),
    "TRANSPOSE": _moving("Transpose"),
    "CONCATENATION": _concat,
    "MEAN": _reduce("ReduceMean"),
    "SUM": _reduce("ReduceSum"),
    "REDUCE_MAX": _reduce("ReduceMax"),
    "REDUCE_MIN": _reduce("ReduceMin"),
    "SLICE": _slice,
    "STRIDED_SLICE": _slice,
    "SPLIT": _split,
    "GATHER": _gather,
    "TILE": _tile,
    "ARG_MAX": _argmax,
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _batch_matmul,
    "PACK": _pack,
    "SHAPE": _shape,
}
