"""Checks of single arguments."""

import re
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from resource_ode.base.checks import file_path, positive_number, whole_number
from resource_ode.base.tracing import concrete_number


def test_whole_numbers():
    assert whole_number("n", np.int8(3)) == 3 and whole_number("n", 0, least=0) == 0


@pytest.mark.parametrize(
    "value", [True, 1.0, "1", [1], np.timedelta64(1), np.array([1, 2]), np.array(["2020"], "M8[s]"), None, 0]
)
def test_what_is_no_positive_whole_number(value):
    with pytest.raises(ValueError, match="n: expected a positive whole number, got "):
        whole_number("n", value)


def test_a_number_of_jax_sets_no_shape():
    with pytest.raises(ValueError, match="n: expected a positive whole number of Python, since it sets a shape, got"):
        whole_number("n", jnp.asarray(3))


@pytest.mark.parametrize("value", ["1", True, None, [1.0], 0, -1.0, np.nan, np.inf, 10**400])
def test_what_is_no_positive_number(value):
    with pytest.raises(ValueError, match="x: expected a finite number above 0, got "):
        positive_number("x", value)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        ("1", np.nan),
        (b"1", np.nan),
        (True, np.nan),
        (np.timedelta64(1), np.nan),
        ([1.0], np.nan),
        (10**400, np.inf),
        (-(10**400), -np.inf),
    ],
)
def test_concrete_numbers(value, number):
    np.testing.assert_equal(concrete_number(value), number)


@pytest.mark.parametrize(("value", "got"), [(3, "int"), (None, "NoneType"), ("a\0b", "one with a zero byte in it")])
def test_what_is_no_path(value, got):
    with pytest.raises(ValueError, match=re.escape(f"path: expected a file name, got {got}")):
        file_path("path", value)
    assert file_path("path", "run.nc") == Path("run.nc")


def test_more_digits_than_python_prints():
    with pytest.raises(ValueError, match="n: expected a positive whole number, got something of type int"):
        whole_number("n", -(10**5000))
    with pytest.raises(ValueError, match="x: expected a finite number above 0, got something of type int"):
        positive_number("x", 10**5000)
