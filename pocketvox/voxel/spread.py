"""Atoms to voxels: the loop that fills feature grids.

The grid is filled tile by tile. A tile is a box of ``TILE_PLANES`` planes in x, some rows in y and all of z. Its values
are summed in a buffer where the voxels of a row lie side by side, so that one instruction serves ``LANES`` voxels, and
that stays in the processor's cache; then they go to the grid, where the channels of a voxel lie side by side. So the
grid's memory is written once, whatever the number of atoms.

Nothing in the kernel is a root or an exponential: ``1 - (d / s)**2`` is a sum of one term per axis, and those of x and
y are the same for a whole row. They are added in float64; only the rest of the way, ``rest - dz**2`` and its cube, is
float32.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pocketvox.voxel.compiled import compiled, row_range

#: Voxels of a row that are computed together; on processors with narrower registers LLVM splits them.
LANES = 8
#: Planes of a tile.
TILE_PLANES = 4
#: Size that a tile's buffer should have (bytes): within the second-level cache of current processors.
TILE_BYTES = 2**19


def tile_shape(shape, width: int) -> tuple[int, int, int, int]:
    """Shape of a tile's buffer, (planes, rows, channels, voxels of a row), for a grid and a number of channels.

    Rows of the buffer are longer than the grid's, so that the last ``LANES`` of them fit in.
    """
    length = (shape[2] + 2 * (LANES - 1)) // LANES * LANES
    planes = min(TILE_PLANES, shape[0])
    rows = TILE_BYTES // (4 * max(planes * width * length, 1))
    return planes, min(max(rows, TILE_PLANES), shape[1]), width, length


@intrinsic
def _add_row(typing, buffer, start, squares, rest, value, blocks):
    """``buffer[start + m] += value * max(rest - squares[m], 0)**3`` for m < blocks * LANES, in vector registers.

    Written as LLVM's instructions because a loop would not become vectors: numba cannot promise LLVM that two arrays
    do not overlap.
    """
    signature = types.void(buffer, start, squares, rest, value, blocks)
    vector = ir.VectorType(ir.FloatType(), LANES)
    word, undefined = ir.IntType(64), ir.Constant(vector, ir.Undefined)
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)

    def codegen(context, builder, signature, arguments):
        buffer, start, squares, rest, value, blocks = arguments
        target = context.make_array(signature.args[0])(context, builder, buffer).data
        source = context.make_array(signature.args[2])(context, builder, squares).data
        rest, value = (
            builder.shuffle_vector(builder.insert_element(undefined, x, word(0)), undefined, everywhere)
            for x in (rest, value)
        )
        zero = ir.Constant(vector, [0.0] * LANES)
        with cgutils.for_range(builder, blocks, intp=word) as loop:
            at = builder.mul(loop.index, word(LANES))
            dz2 = builder.bitcast(builder.gep(source, [at]), vector.as_pointer())
            here = builder.bitcast(builder.gep(target, [builder.add(start, at)]), vector.as_pointer())
            t = builder.fsub(rest, builder.load(dz2, align=4))
            t = builder.select(builder.fcmp_ordered(">", t, zero), t, zero)
            added = builder.fmul(builder.fmul(t, t), builder.fmul(t, value))
            builder.store(builder.fadd(builder.load(here, align=4), added), here, align=4)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _move_square(typing, grid, to, step, buffer, start, stride):
    """``grid[to + k * step + c] = buffer[start + c * stride + k]`` for c and k < LANES: in registers."""
    signature = types.void(grid, to, step, buffer, start, stride)
    vector, word = ir.VectorType(ir.FloatType(), LANES), ir.IntType(64)

    def codegen(context, builder, signature, arguments):
        grid, to, step, buffer, start, stride = arguments
        target = context.make_array(signature.args[0])(context, builder, grid).data
        source = context.make_array(signature.args[3])(context, builder, buffer).data

        def place(data, first, apart, m):
            at = builder.add(first, builder.mul(apart, word(m)))
            return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())

        def exchange(rows, apart):
            """Of every two rows so far apart, the odd blocks of the one for the even blocks of the other."""
            out = list(rows)
            for m in (m for m in range(LANES) if not m & apart):
                first = [k if not k & apart else LANES + k - apart for k in range(LANES)]
                second = [k + apart if not k & apart else LANES + k for k in range(LANES)]
                for row, lanes in ((m, first), (m + apart, second)):
                    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), lanes)
                    out[row] = builder.shuffle_vector(rows[m], rows[m + apart], mask)
            return out

        rows = [builder.load(place(source, start, stride, m), align=4) for m in range(LANES)]
        apart = 1
        while apart < LANES:
            rows = exchange(rows, apart)
            apart *= 2
        for m, row in enumerate(rows):
            builder.store(row, place(target, to, step, m), align=4)
        return context.get_dummy_value()

    return signature, codegen


@compiled
def add_atoms(out, buffer, index, support, starts, channel, value, first, last, write, clear, part, parts):
    """Add the kernel of every atom, times its features, to every ``parts``-th slab of ``out``, beginning with ``part``.

    Parameters
    ----------
    out : ndarray, shape=(x, y, z, channel), dtype=float32, C order
    buffer : ndarray, shape of :func:`tile_shape` for ``last - first`` channels, dtype=float32, C order
        Zeros, and zeros afterwards.
    index : ndarray, shape=(n, 3), dtype=float64
        Positions in voxels, in the order of ``index[:, 0] - support``.
    support : ndarray, shape=(n,), dtype=float64
        In voxels.
    starts : ndarray, shape=(n + 1,), dtype=int64
        Atom a has the features ``starts[a]`` to ``starts[a + 1]``.
    channel : ndarray, shape=(m,), dtype=int64
        Of each feature, counted from ``first``.
    value : ndarray, shape=(m,), dtype=float32
        Of each feature.
    first, last : int
        The channels of ``out`` that are changed.
    write : bool
        Voxels that atoms reach are written, without being read; else added to.
    clear : bool
        The other voxels are set to zero; else left alone. Needs ``write`` and all channels.
    part, parts : int

    Returns
    -------
    rows, blocks, written : int
        The work: rows of voxels visited, ``LANES`` of voxels added for one channel, voxels written.
    """
    nx, ny, nz, width = out.shape
    planes, lines, _, length = buffer.shape
    flat, grid = buffer.reshape(-1), out.reshape(-1)
    row_size = np.uint64((last - first) * length)
    lowest, highest = np.full(planes * lines, nz), np.zeros(planes * lines, np.int64)
    squares = np.empty(length, np.float32)
    reach = 2.0 * support.max() if support.size else 0.0
    front = index[:, 0] - support
    rows = blocks = written = 0
    for i_low in range(part * planes, nx, parts * planes):
        i_high = min(i_low + planes, nx)
        begin = np.searchsorted(front, i_low - reach)
        end = np.searchsorted(front, i_high)
        for j_low in range(0, ny, lines):
            j_high = min(j_low + lines, ny)
            touched = False
            for a in range(begin, end):
                x, y, z, s = index[a, 0], index[a, 1], index[a, 2], support[a]
                if x + s <= i_low or y + s <= j_low or y - s >= j_high or starts[a] == starts[a + 1]:
                    continue
                i0, i1 = row_range(x, s, nx)
                j0, j1 = row_range(y, s, ny)
                k0, k1 = row_range(z, s, nz)
                i0, i1 = max(i0, i_low), min(i1, i_high)
                j0, j1 = max(j0, j_low), min(j1, j_high)
                if k0 == k1 or i0 >= i1 or j0 >= j1:
                    continue
                inverse = 1.0 / (s * s)
                count = (k1 - k0 + LANES - 1) // LANES
                for m in range(count * LANES):
                    squares[m] = (k0 + m - z) ** 2 * inverse
                touched = True
                own = slice(starts[a], starts[a + 1])
                corner = (np.uint64((i0 - i_low) * lines + j0 - j_low), np.uint64(lines))
                box = (i0 - x, i1 - i0, j0 - y, j1 - j0, k0, k1, inverse)
                added = _add_atom(flat, length, lowest, highest, corner, box, squares, count, channel[own], value[own])
                rows += added
                blocks += added * count * (starts[a + 1] - starts[a])
            if not (touched or clear):
                continue
            for i in range(i_low, i_high):
                for j in range(j_low, j_high):
                    row = np.uint64((i - i_low) * lines + j - j_low)
                    low, high = lowest[row], highest[row]
                    to = np.uint64((i * ny + j) * nz * width + first)
                    if clear:
                        grid[to : to + np.uint64(low * width)] = 0.0
                        grid[to + np.uint64(max(low, high) * width) : to + np.uint64(nz * width)] = 0.0
                    if low >= high:
                        continue
                    written += high - low
                    ends = (np.uint64(low), np.uint64(high), np.uint64(nz))
                    here = flat[row * row_size : (row + np.uint64(1)) * row_size]
                    _flush_row(
                        grid, to, np.uint64(width), here, np.uint64(length), np.uint64(last - first), ends, write
                    )
                    lowest[row], highest[row] = nz, 0
    return rows, blocks, written


@compiled
def _add_atom(flat, length, lowest, highest, corner, box, squares, count, channel, value):
    """Add one atom to a tile, row by row; how many rows.

    Parameters
    ----------
    flat : ndarray, dtype=float32
        The buffer.
    length : int
        Of a row, for one channel.
    lowest, highest : ndarray, dtype=int64
        First and one-past-last voxel that was added to, for each row of the tile; kept up to date.
    corner : tuple of 2 uint64
        First row that the atom reaches, and rows per plane.
    box : tuple
        First voxel in x, relative to the atom, and how many; the same in y; first and one-past-last voxel in z; and
        1 / support**2.
    squares : ndarray, dtype=float32
        (dz / support)**2 of the voxels in z.
    count : int
        Blocks of ``LANES`` of them.
    channel, value : ndarray, shape=(m,)
        The atom's features.
    """
    x_begin, x_count, y_begin, y_count, low, high, inverse = box
    stride, row_size = np.uint64(length), np.uint64(len(flat) // len(lowest))
    plane, lines = corner
    features, blocks = np.uint64(len(channel)), np.uint64(count)
    rows = 0
    for i in range(x_count):
        x = x_begin + i
        rest_x = 1.0 - x * x * inverse
        row = plane
        for j in range(y_count):
            y = y_begin + j
            rest = rest_x - y * y * inverse
            if rest > 0.0:
                rows += 1
                lowest[row], highest[row] = min(lowest[row], low), max(highest[row], high)
                at = row * row_size + np.uint64(low)
                for f in range(features):
                    _add_row(flat, at + np.uint64(channel[f]) * stride, squares, np.float32(rest), value[f], blocks)
            row += np.uint64(1)
        plane += lines
    return rows


@compiled
def near_rows(index, support, shape):
    """Which atoms reach a grid of some shape, as row numbers, and where each begins in x.

    Parameters
    ----------
    index : ndarray, shape=(n, 3), dtype=float64
        Positions in voxels.
    support : ndarray, shape=(n,), dtype=float64
        In voxels.
    shape : tuple of 3 ints

    Returns
    -------
    rows : ndarray, shape=(m,), dtype=int64
    front : ndarray, shape=(m,), dtype=float64
        ``index[:, 0] - support`` of these rows.
    """
    rows, front = np.empty(len(index), np.int64), np.empty(len(index))
    count = 0
    for a in range(len(index)):
        near = True
        for axis in range(3):
            near = near and -support[a] < index[a, axis] < shape[axis] - 1 + support[a]
        if near:
            rows[count], front[count] = a, index[a, 0] - support[a]
            count += 1
    return rows[:count], front[:count]


@compiled
def list_features(features, rows):
    """The features of some atoms that are not zero, as :func:`add_atoms` takes them.

    Parameters
    ----------
    features : ndarray, shape=(n, channel), dtype=uint8 or float32
    rows : ndarray, shape=(m,), dtype=int64

    Returns
    -------
    starts : ndarray, shape=(m + 1,), dtype=int64
    channel : ndarray, shape=(k,), dtype=int64
    value : ndarray, shape=(k,), dtype=float32
    """
    starts = np.zeros(len(rows) + 1, np.int64)
    for m in range(len(rows)):
        count = 0
        for c in range(features.shape[1]):
            count += features[rows[m], c] != 0
        starts[m + 1] = starts[m] + count
    channel, value = np.empty(starts[-1], np.int64), np.empty(starts[-1], np.float32)
    count = 0
    for m in range(len(rows)):
        for c in range(features.shape[1]):
            if features[rows[m], c] != 0:
                channel[count], value[count] = c, features[rows[m], c]
                count += 1
    return starts, channel, value


@compiled
def _flush_row(grid, to, step, row, stride, width, ends, write):
    """Move some voxels of a row from the buffer, where those of a channel are neighbours, to the grid; clear the row.

    By squares of ``LANES`` voxels and channels where they fit in; the last square of either kind begins earlier, so
    that some voxels are written twice. ``ends`` are the first and one-past-last voxel, and the length of a row.
    """
    low, high, length = ends
    lanes = np.uint64(LANES)
    if write and width >= lanes and length >= lanes:
        k = low
        while k < high:
            k = min(k, length - lanes)
            c = np.uint64(0)
            while c < width:
                c = min(c, width - lanes)
                _move_square(grid, to + k * step + c, step, row, c * stride + k, stride)
                c += lanes
            k += lanes
    else:
        for c in range(width):
            for k in range(low, high):
                if write:
                    grid[to + k * step + c] = row[c * stride + k]
                else:
                    grid[to + k * step + c] += row[c * stride + k]
    row[:] = 0.0
