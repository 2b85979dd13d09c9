"""Every byte of every file is in one piece of one block, whatever the sizes of the files."""

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.blocks import MOST_PIECES, Block, InputFile, Piece, plan_blocks

FILES = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["", "train", "test"])), max_size=30)


def inputs(files: list[tuple[int, str]]) -> list[InputFile]:
    return [InputFile(f"f{i}", size, split) for i, (size, split) in enumerate(files)]


@given(FILES, st.integers(1, 12), st.integers(1, 5))
@example([], 1, 1)
@example([(0, "")], 1, 1)
@example([(8, ""), (8, "")], 8, 5)
@example([(1, "")] * 11, 100, 5)
def test_every_byte_of_every_file_is_in_one_piece(
    files: list[tuple[int, str]], block_bytes: int, most_pieces: int
) -> None:
    of = inputs(files)
    blocks = plan_blocks(of, block_bytes, most_pieces)
    assert [block.index for block in blocks] == list(range(len(blocks)))
    pieces = [piece for block in blocks for piece in block.pieces]
    # Byte by byte, in the order of the files.
    covered = [(piece.path, piece.split, i) for piece in pieces for i in range(piece.start, piece.end)]
    assert covered == [(file.path, file.split, i) for file in of for i in range(file.bytes)]
    for block in blocks:
        assert 1 <= len(block.pieces) <= most_pieces
        assert all(piece.bytes for piece in block.pieces)
        assert block.bytes == sum(piece.end - piece.start for piece in block.pieces) <= block_bytes
        assert len({piece.path for piece in block.pieces}) == len(block.pieces)
        # The digest of a file is made of these ranges, and must not depend on its neighbours.
        assert all(piece.start % block_bytes == 0 for piece in block.pieces)
        assert all(piece.bytes == block_bytes or piece.end == of[int(piece.path[1:])].bytes for piece in block.pieces)


@given(FILES, st.integers(1, 12), st.integers(1, 5))
def test_no_block_could_have_been_packed_into_the_one_before(
    files: list[tuple[int, str]], block_bytes: int, most_pieces: int
) -> None:
    blocks = plan_blocks(inputs(files), block_bytes, most_pieces)
    for one, other in itertools.pairwise(blocks):
        assert one.bytes + other.pieces[0].bytes > block_bytes or len(one.pieces) == most_pieces


def test_small_files_share_a_block_and_large_ones_are_cut() -> None:
    blocks = plan_blocks(inputs([(3, ""), (0, ""), (4, "test"), (9, ""), (2, "")]), 8)
    assert blocks == [
        Block(0, (Piece("f0", 0, 3, ""), Piece("f2", 0, 4, "test"))),
        Block(1, (Piece("f3", 0, 8, ""),)),
        Block(2, (Piece("f3", 8, 9, ""), Piece("f4", 0, 2, ""))),
    ]


def test_a_block_opens_so_many_files_at_the_most() -> None:
    blocks = plan_blocks([InputFile(str(i), 1, "") for i in range(MOST_PIECES + 1)], 1 << 20)
    assert [len(block.pieces) for block in blocks] == [4_096, 1]
