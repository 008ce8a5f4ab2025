"""Numbers and names from users: what is read, and the sentence about what is not."""

import datetime
import decimal
import fractions
import re

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import resource_ode as ro
from resource_ode.base.values import brief, in_order_of, in_range, listed, plain

NAMES = ("letters", "words", "sentences")

READ = {
    "a number": (1.5, 1.5),
    "a list": ([1, 2.5], [1.0, 2.5]),
    "beyond 64 bits": ([1, 10**30], [1.0, 1e30]),
    "a fraction": (fractions.Fraction(1, 4), 0.25),
    "an array": (np.arange(3, dtype=np.int8), [0, 1, 2]),
    "a JAX array": (jnp.arange(3.0), [0.0, 1.0, 2.0]),
    "JAX scalars in a list": ([jnp.asarray(1.0), 2], [1.0, 2.0]),
    "a Series": (pd.Series([1.0, 2.0]), [1.0, 2.0]),
    "masks without a masked entry": (np.ma.array([1.0, 2.0], mask=[False, False]), [1.0, 2.0]),
}


@pytest.mark.parametrize("case", READ)
def test_numbers(case):
    given, expected = READ[case]
    assert np.asarray(plain("x", given)).tolist() == expected


REFUSED = {
    "text": ("often", "x: expected numbers, got 'often'"),
    "numbers in quotes": (["1.5"], "x: expected numbers, got ['1.5']"),
    "bytes": (b"1", "x: expected numbers, got b'1'"),
    "None": (None, "x: expected numbers, got None"),
    "None in a list": ([1.0, None], "x: expected numbers, got [1.0, None]"),
    "complex": (1 + 0j, "x: expected numbers, got (1+0j)"),
    "complex array": (np.ones(2, complex), "x: expected numbers, got array([1.+0.j, 1.+0.j])"),
    "a truth value": (True, "x: expected numbers, got truth values: True"),
    "a truth value in rows": ([[1.0], [False]], "x: expected numbers, got truth values: [[1.0], [False]]"),
    "truth values": (np.ones(2, bool), "x: expected numbers, got truth values: array([ True, True])"),
    "JAX truth values": (jnp.ones(2, bool), "x: expected numbers, got truth values"),
    "truth values of pandas": (pd.Series([True, None], dtype="boolean"), "x: expected numbers, got truth values"),
    "ragged": ([[1.0], [1.0, 2.0]], "x: expected numbers, got rows of different lengths: [[1.0], [1.0, 2.0]]"),
    "objects": (np.array([1.0, None], object), "x: expected numbers, got objects: array([1.0, None], dtype=object)"),
    "decimals": ([decimal.Decimal("0.3")], "x: expected numbers, got [Decimal('0.3')]"),
    "a date": (np.datetime64("2020-01-01"), "x: expected numbers, got np.datetime64('2020-01-01')"),
    "dates": (np.array(["2020-01-01"], "datetime64[D]"), "x: expected numbers, got array(['2020-01-01']"),
    "dates of pandas": (pd.Series(pd.to_datetime(["2020-01-01"])), "x: expected numbers, got 0"),
    "durations": (np.array([5], "timedelta64[s]"), "x: expected numbers, got array([5], dtype='timedelta64[s]')"),
    "a datetime": (datetime.datetime(2020, 1, 1), "x: expected numbers, got datetime.datetime(2020, 1, 1, 0, 0)"),
    "a set": ({1.0}, "x: expected numbers, got {1.0}"),
    "a dict": ({"a": 1.0}, "x: expected numbers, got {'a': 1.0}"),
    "400 digits": (10**400, "x: expected numbers, got one beyond what floating-point numbers hold: 1000"),
    "masked": (np.ma.array([1.0, 2.0], mask=[False, True]), "x: expected numbers, got masked entries"),
    "a function": (len, "x: expected numbers, got <built-in function len>"),
    "a key": (jax.random.key(0), "x: expected numbers, got Array((), dtype=key<fry>)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_are_no_numbers(case):
    given, message = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        plain("x", given)
    assert "\n" not in str(error.value) and len(str(error.value)) < 250


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize(
    "name", ["frequency", "learning_rate", "wasted_resource", "gate_exponent", "interference", "initial_level", "pool"]
)
def test_no_argument_of_a_model_takes_them(case, name):
    given, _ = REFUSED[case]
    if given is None:
        # not given
        return
    arguments = {"frequency": [1.0], "learning_rate": 1.0, "wasted_resource": 0.1, name: given}
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        ro.ResourceModel(ro.SkillGraph([[]]), **arguments)


@pytest.mark.parametrize("case", REFUSED)
def test_times_take_none_of_them(case):
    given, _ = REFUSED[case]
    model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], 1.0, 0.1)
    # no times at all means those that suit the model
    for ts in (given, [given]) if given is not None else ([given],):
        with pytest.raises(ValueError, match=r"^ts: expected "):
            ro.simulate(model, ts)


def test_bounds_hold_in_the_type_that_keeps_them():
    assert in_range("x", [0.5, 1.0], jnp.float32, above=0.0).dtype == jnp.float32
    cases = (
        ([1.0, -2.0], {"above": 0.0}, "x: expected finite numbers above 0, got -2.0 at index 1"),
        ([[1.0, np.nan]], {}, "x: expected finite numbers, got nan at index (0, 1)"),
        (np.inf, {"least": 0.0}, "x: expected finite numbers at least 0, got inf"),
        (1e-60, {"least": 0.0}, "x: expected finite numbers at least 0, got 1e-60 (which is 0.0 in float32)"),
        (1e60, {"above": 0.0}, "x: expected finite numbers above 0, got 1e+60 (which is inf in float32)"),
        (1 - 1e-12, {"below": 1.0}, "x: expected finite numbers below 1, got 0.999999999999 (which is 1.0 in float32)"),
    )
    for given, bounds, message in cases:
        with pytest.raises(ValueError, match=re.escape(message)):
            in_range("x", given, jnp.float32, **bounds)


def test_traced_numbers_are_trusted():
    assert float(jax.jit(lambda x: in_range("x", x, x.dtype, above=0.0))(-1.0)) == -1
    assert jax.jit(lambda x: plain("x", [x, 2.0]))(1.0).tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="x: expected numbers, got truth values"):
        jax.jit(lambda x: plain("x", x > 0))(1.0)


# -- by name

TURNED = [2.0, 3.0, 1.0]
NAMED = {
    "a dict": {"words": 3.0, "sentences": 1.0, "letters": 2.0},
    "a Series": pd.Series([3.0, 1.0, 2.0], ["words", "sentences", "letters"]),
    "a DataArray": xr.DataArray([3.0, 1.0, 2.0], {"skill": ["words", "sentences", "letters"]}, ["skill"]),
}


@pytest.mark.parametrize("case", NAMED)
def test_names_say_whose_number_it_is(case):
    found, named = in_order_of("x", NAMED[case], NAMES)
    assert list(found) == TURNED and named
    graph = ro.SkillGraph([[], [0], [1]], names=NAMES, frequency=NAMED[case])
    assert graph.frequency.tolist() == TURNED
    pairs = [("letters", "words"), ("words", "sentences")]
    assert ro.SkillGraph.from_edges(pairs, frequency=NAMED[case]).frequency.tolist() == TURNED
    for name in ("frequency", "frequency_after"):
        model = ro.ResourceModel(
            graph, **{"learning_rate": 1.0, "wasted_resource": 0.1, "gate_exponent": 0.1, name: NAMED[case]}
        )
        assert getattr(model, name).tolist() == TURNED


def test_columns_rows_and_batches_by_name():
    order = ["words", "sentences", "letters"]
    table = pd.DataFrame([[3.0, 1.0, 2.0], [6.0, 2.0, 4.0]], columns=order)
    assert in_order_of("x", table, NAMES)[0].tolist() == [TURNED, [4.0, 6.0, 2.0]]
    assert in_order_of("x", {"words": [3.0, 6.0], "sentences": 1.0, "letters": 2.0}, NAMES)[0].tolist() == [
        TURNED,
        [2.0, 6.0, 1.0],
    ]
    overlap = pd.DataFrame([[1.0, 0.1, 0.2], [0.1, 1.0, 0.3], [0.2, 0.3, 1.0]], order, order)
    model = ro.ResourceModel(ro.SkillGraph([[]] * 3, names=NAMES), np.ones(3), 1.0, 0.1, interference=overlap)
    assert model.interference.tolist() == [[1.0, 0.2, 0.3], [0.2, 1.0, 0.1], [0.3, 0.1, 1.0]]
    pools = ro.ResourceModel(
        ro.SkillGraph([[]] * 3, names=NAMES), np.ones(3), 1.0, 0.1, pool={"letters": 1, "words": 0, "sentences": 0}
    )
    assert pools.pool.tolist() == [1, 0, 0]
    assert ro.SkillGraph(
        [[], [0], [0, 1]], {"letters": "all", "words": "all", "sentences": "any"}, names=NAMES
    ).any_gate.tolist() == [False, False, True]


def test_an_axis_called_skill_is_the_last():
    order = ["words", "sentences", "letters"]
    table = xr.DataArray([[3.0, 6.0], [1.0, 2.0], [2.0, 4.0]], {"skill": order}, ["skill", "member"])
    assert in_order_of("x", table, NAMES)[0].tolist() == [TURNED, [4.0, 6.0, 2.0]]


def test_a_plain_count_is_no_name():
    for given in (pd.Series([3.0, 1.0, 2.0]), pd.DataFrame([[3.0, 1.0, 2.0]]), xr.DataArray([3.0, 1.0, 2.0]), TURNED):
        found, named = in_order_of("x", given, NAMES)
        assert np.ravel(found).tolist() == np.ravel(given).tolist() and not named


@pytest.mark.parametrize(
    ("given", "names", "message"),
    [
        (
            {"letters": 1.0, "word": 2.0, "sentences": 3.0},
            NAMES,
            "x: expected names of the graph's skills, got 'word'; did you mean 'words'?",
        ),
        ({"letters": 1.0, "words": 2.0}, NAMES, "x: expected a number for each skill, got none for 'sentences'"),
        (pd.Series([1.0, 2.0, 3.0], ["a", "b", "c"]), NAMES, "got 'a' (the graph has 'letters', 'words', 'sentences')"),
        (pd.Series([1.0, 2.0, 3.0], [2, 1, 0]), NAMES, "x: expected names of the graph's skills, got 2 (the graph has"),
        (pd.Series([1.0, 2.0, 3.0])[::-1], NAMES, "x: expected names of the graph's skills, got 2 (the graph has"),
        (pd.Series([1.0, 2.0], ["words", "words"]), NAMES, "x: expected each skill once, got 'words' more than once"),
        (
            {"letters": [1.0, 2.0], "words": [1.0, 2.0, 3.0], "sentences": 1.0},
            NAMES,
            "x: expected numbers of one shape",
        ),
        ({"letters": 1.0}, None, "x: expected an array, since the members of the batch have different skills"),
    ],
)
def test_names_that_do_not_fit(given, names, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        in_order_of("x", given, names)


def test_a_batch_of_differently_named_graphs_takes_no_names():
    graphs = ro.stack([ro.SkillGraph([[]], names=["a"]), ro.SkillGraph([[]], names=["b"])])
    with pytest.raises(ValueError, match="frequency: expected an array, since the members of the batch have different"):
        ro.ResourceModel(graphs, {"a": 1.0}, 1.0, 0.1)


@pytest.mark.parametrize(
    "value", [np.zeros(()), np.array("x", object), jnp.zeros(()), "ab", b"ab", {"a": 1}, {1}, 3, None]
)
def test_what_is_no_list(value):
    assert listed(value) is None


def test_lists():
    assert listed((1, 2)) == listed(iter([1, 2])) == listed(np.array([1, 2])) == [1, 2]
    assert listed([]) == []


def test_a_value_that_cannot_be_shown_is_named_by_its_type():
    assert brief(10**5000) == "something of type int"
    assert brief("a\x1b[2J\u202e") == repr("a\x1b[2J\u202e")


@pytest.mark.parametrize(
    ("times", "values", "message"),
    [
        ([0.0, "1"], [1.0, 1.0], "Schedule: times: expected numbers, got [0.0, '1']"),
        ([0.0, 1.0], [1.0, None], "Schedule: values: expected numbers, got [1.0, None]"),
        ([0.0, 1.0], pd.DataFrame([[1.0, 2.0]] * 2, columns=["b", "a"]), "Schedule: expected an array of values"),
        ([0.0, np.nan, 2.0], [1.0, 1.0, 1.0], "Schedule: expected times that start at 0 and strictly increase"),
    ],
)
def test_schedules_take_numbers(times, values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ro.Schedule(times, values)
