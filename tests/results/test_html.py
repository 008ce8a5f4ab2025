"""What notebooks show of graphs, models and runs."""

import xml.etree.ElementTree as ElementTree

import jax
import numpy as np
import pytest

import resource_ode as ro

ODD = "<script>alert('1')</script> & \x1b[2J"


def shown():
    graph = ro.SkillGraph({ODD: [], "words": [ODD]})
    model = ro.ResourceModel(graph, [1.0, 0.3], 1e-3, 1e-3, 1e-2)
    batch = model.grid(wasted_resource=np.geomspace(1e-3, 1, 12))
    pooled = ro.ResourceModel(ro.SkillGraph([[]] * 300), np.ones(300), 1e-3, 0.1, pool=[0, 1] * 150)
    schedule = model.replace(learning_rate=ro.Schedule([0, 10], [1e-3, 1e-4]))
    run = ro.simulate(batch, [0.0, 10.0])
    models = (model, batch, pooled, schedule, ro.stack([model, pooled.replace(pool=None, gate_exponent=0.1)]))
    return [graph, ro.SkillGraph([[]]), ro.stack([graph, graph]), *models, run, run[0], run[:0]]


@pytest.mark.parametrize("thing", shown(), ids=lambda thing: type(thing).__name__)
def test_a_small_table_in_which_all_is_text(thing):
    text = thing._repr_html_()
    table = ElementTree.fromstring(text)
    assert table.tag == "table" and table.find("caption").text == type(thing).__name__
    assert {element.tag for element in table.iter()} == {"table", "caption", "tbody", "tr", "th", "td"}
    rows = table.findall("tbody/tr")
    assert 3 <= len(rows) <= 14 and all(row[0].get("scope") == "row" and row[1].text for row in rows)
    assert len(text) < 4000 and "\x1b" not in text
    assert all("\n" not in line or "Trajectory" in line for line in [repr(thing)])


def test_it_says_what_there_is():
    graph, *_, run, member, _ = shown()
    assert "alert" in graph._repr_html_() and "&lt;script" in graph._repr_html_()
    assert "(12,) wasted_resource (12)" in run._repr_html_() and "all runs succeeded" in run._repr_html_()
    assert "from 0.001 to 1" in run.model._repr_html_()
    assert "(12,) wasted_resource (12)" in run.model._repr_html_()
    assert "batch" not in member._repr_html_()


def test_under_a_trace():
    found = []

    def look(model):
        found.append((model.graph._repr_html_(), model._repr_html_(), ro.simulate(model, [0.0])._repr_html_()))
        return model.frequency

    jax.jit(look)(shown()[3])
    assert all("traced" in text for text in found[0])
