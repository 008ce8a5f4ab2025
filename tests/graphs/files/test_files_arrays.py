"""Adjacency matrices in .npy and .npz files."""

import io
import zipfile

import numpy as np
import pytest
from graph_file_cases import CHAIN, reads, refuses

CHAIN_MATRIX = np.eye(3, k=1)


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def header(text):
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float16, ">f8", np.longdouble])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, dtype, order):
    reads(tmp_path, "a.npy", npy(np.asarray(CHAIN_MATRIX, dtype, order=order)), None)


def test_weights(tmp_path):
    matrix = CHAIN_MATRIX * [[1, -0.5, 1]] + np.diag([-3, np.nan, np.inf])
    refuses(tmp_path, "a.npy", npy(matrix), "weight of skill 1 -> skill 2: expected one above 0, got -0.5")
    reads(tmp_path, "a.npy", npy(matrix), None, [[], [], [1]], sign="drop")
    reads(tmp_path, "a.npy", npy(matrix), None, CHAIN, sign="absolute")
    reads(tmp_path, "a.npy", npy(matrix), None, [[], [], [1]], sign="absolute", threshold=0.5)


SHAPE = "{'descr': '<f8', 'fortran_order': False, 'shape': (3000000, 3000000), }\n"
REFUSED = {
    "no array": (b"0,1", "expected a NumPy array of numbers, got a file that is none"),
    "text": (npy(np.array([["a"]])), "expected a NumPy array of real numbers, got one that holds text"),
    "complex numbers": (npy(np.array([[1j]])), "got one that holds complex numbers"),
    "objects": (npy(np.array([[None]]), allow_pickle=True), "that holds objects; save it as matrix.astype(float)"),
    "dates": (npy(np.zeros((1, 1), "M8[s]")), "got one that holds dates"),
    "records": (npy(np.zeros((1, 1), "f8,i4")), "expected a NumPy array of numbers, got records"),
    "a pickle": (b"\x80\x04\x95", "got a pickle of Python objects, which is not opened"),
    "not square": (npy(np.zeros((2, 3))), "matrix: expected a square one, (skill, skill), got shape (2, 3)"),
    "three axes": (npy(np.zeros((1, 3, 3))), "got shape (1, 3, 3)"),
    "nothing": (npy(np.zeros((0, 0))), "expected at least one skill, got an empty graph"),
    "no number": (npy(np.full((2, 2), np.nan)), "matrix: expected finite weights, got nan in row 0, column 1"),
    "a claim": (header(SHAPE), "72,000,000,000,000 bytes for a NumPy array of shape (3000000, 3000000), got 0"),
    "a vast claim": (header(SHAPE.replace("3000000", "9" * 50)), "expected a square matrix, got the shape (9999"),
    "cut short": (npy(CHAIN_MATRIX)[:-1], "expected 72 bytes for a NumPy array of shape (3, 3), got 71"),
    "two arrays": (npy(CHAIN_MATRIX) * 2, "expected 72 bytes"),
    "code": (header("__import__('os')"), "got a header that is damaged"),
    "brackets": (header("(" * 9000), "got a header that is damaged"),
    "a type that is none": (header(SHAPE.replace("<f8", ">), }  i8")), "got one of type '>), }  i8'"),
    "cut in its header": (b"\x93NUMPY\x01", "expected a NumPy array of numbers, got a file that is none"),
    "a length beyond the file": (b"\x93NUMPY\x02\x00\xff\xff\xff\xffabc", "got a header that is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    content, message = REFUSED[case]
    refuses(tmp_path, "a.npy", content, message)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_sparse(tmp_path, kind):
    sparse = pytest.importorskip("scipy.sparse")
    file = io.BytesIO()
    sparse.save_npz(file, sparse.coo_matrix(CHAIN_MATRIX).asformat(kind))
    reads(tmp_path, "a.npz", file.getvalue(), None)


def test_sparse_entries_of_one_place_add_up(tmp_path):
    sparse = pytest.importorskip("scipy.sparse")
    file = io.BytesIO()
    sparse.save_npz(file, sparse.coo_matrix(([1.0, -1.0, 2.0], ([0, 0, 1], [1, 1, 2])), shape=(3, 3)))
    reads(tmp_path, "a.npz", file.getvalue(), None, [[], [], [1]])


def test_npz(tmp_path):
    reads(tmp_path, "a.npz", npz(adjacency=CHAIN_MATRIX), None)
    reads(tmp_path, "a.npz", npz(adjacency=CHAIN_MATRIX, names=np.array(["letters", "words", "sentences"])))
    indices = {"format": b"csr", "shape": (3, 3), "data": [1.0], "indices": [9], "indptr": [0, 1, 1, 1]}
    damaged = {
        "expected one matrix, or one of scipy.sparse.save_npz, got the arrays ['a', 'b']": npz(a=[1], b=[2]),
        "expected indices from 0 to 2, got others": npz(**indices),
        "an indptr that does not fit its indices": npz(**{**indices, "indptr": [0, 5, 1, 1]}),
        "got none of ['data']": npz(**{key: value for key, value in indices.items() if key != "data"}),
        "expected 1 to 500,000 skills, got 1,000,000,000": npz(**{**indices, "shape": (10**9, 10**9)}),
        "expected a NumPy array of text, got one that holds objects; save it as names.astype(str)": npz(
            adjacency=CHAIN_MATRIX, names=np.array(["a", "b", "c"], object)
        ),
        "in the format csr, csc or coo, got 'bsr'": npz(**{**indices, "format": b"bsr"}),
        "expected arrays of NumPy, got an archive that is damaged": npz(a=CHAIN_MATRIX)[:-30],
    }
    for message, content in damaged.items():
        refuses(tmp_path, "a.npz", content, message)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + bytes(40_000_000))
    refuses(tmp_path, "a.npz", packed.getvalue(), "expected at most 32 MiB when unpacked, got more")
