"""Valid files of every format, from which `fuzz` starts: generated here, small, and read without an error."""

from __future__ import annotations

import gzip
import io
import json
import pathlib
import zipfile
from typing import Any

import numpy as np

SCENARIO = b"""[resource]
learning_rate = 1e-3
wasted_resource = 1e-3
gate_exponent = 1e-3
loss = "mse"
[time]
until = 10000
points = 21
[[skill]]
name = "letters"
frequency = 1.0
initial_level = 0.1
[[skill]]
name = "words"
frequency = 0.5
requires = ["letters"]
gate = "any"
frequency_after = 2.0
"""
SCENARIO_OF_GRAPH = b"""graph = "skills.csv"
condense = true
threshold = 0.5
[resource]
learning_rate = 1e-3
wasted_resource = 0.0
gate_exponent = 1
loss = "cross_entropy"
frequency = [1.0, 2.0, 3.0]
[time]
values = [0.0, 1.0, 2.5]
"""
HORIZON = b"""[resource]
learning_rate = 1e-3
wasted_resource = [1e-2, 1.0]
[time]
horizon = 0.9
points = 5
[[skill]]
name = "a"
frequency = 1
pool = 0
[[skill]]
name = "b"
frequency = 2
pool = 1
"""
INTERFERENCE = b"""[resource]
learning_rate = 1e-3
wasted_resource = 1e-2
interference = [[1, 0.2], [0.2, 1.0]]
[time]
until = 100
points = 5
[[skill]]
name = "a"
frequency = 1
[[skill]]
name = "b"
frequency = 2
"""
SWEEP = b"""title = "Density against waste"
[ensemble]
graphs = 4
seed = 0
chunk = 4
[graph]
generator = "random_dag"
skills = 4
[frequency]
law = "lognormal"
sigma = 1.5
[resource]
learning_rate = 1e-3
gate_exponent = 1e-2
[[axis]]
name = "wasted_resource"
log = [1e-4, 1e2, 3]
[[axis]]
name = "density"
linear = [0.0, 0.5, 2]
[observe]
names = ["efficiency", "horizon"]
level = 0.95
"""
SWEEP_OF_LIST = b"""[ensemble]
graphs = 1
seed = 1
[graph]
prerequisites = [[], [0], [0, 1]]
gate = ["all", "all", "any"]
[frequency]
law = "zipf"
exponent = 2.0
[resource]
learning_rate = 1e-3
wasted_resource = 0.1
loss = "cross_entropy"
[[axis]]
name = "gate_exponent"
values = [0.1, 1.0]
[observe]
names = ["efficiency"]
"""
GRAPHML = b"""<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="d0" for="node" attr.name="frequency" attr.type="double"/>
<key id="d1" for="node" attr.name="gate" attr.type="string"><default>all</default></key>
<key id="d2" for="edge" attr.name="weight" attr.type="double"/>
<graph id="G" edgedefault="directed">
<node id="letters"><data key="d0">0.3</data></node>
<node id="words"><data key="d0">1</data><data key="d1">any</data></node>
<node id="sentences"><data key="d0">3</data></node>
<edge source="letters" target="words"><data key="d2">1.0</data></edge>
<edge source="words" target="sentences"/>
</graph></graphml>
"""
GRAPHML_YED = b"""<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:y="http://www.yworks.com/xml/graphml">
<key for="node" id="d6" yfiles.type="nodegraphics"/>
<graph edgedefault="directed" id="G">
<node id="n0"><data key="d6"><y:ShapeNode><y:NodeLabel>letters</y:NodeLabel></y:ShapeNode></data></node>
<node id="n1"><data key="d6"><y:ShapeNode><y:NodeLabel>words</y:NodeLabel></y:ShapeNode></data></node>
<edge id="e0" source="n0" target="n1"/></graph></graphml>
"""
GEXF = b"""<?xml version="1.0" encoding="UTF-8"?>
<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2"><graph defaultedgetype="directed">
<attributes class="node"><attribute id="0" title="frequency" type="double"/></attributes>
<nodes><node id="0" label="letters"><attvalues><attvalue for="0" value="0.3"/></attvalues></node>
<node id="1" label="words"><attvalues><attvalue for="0" value="1"/></attvalues></node></nodes>
<edges><edge id="0" source="0" target="1" weight="1.0"/></edges></graph></gexf>
"""
GML = b"""graph [
  directed 1
  node [ id 0 label "letters" frequency 0.3 ]
  node [ id 1 label "words" frequency 1.0 gate "any" ]
  node [ id 2 label "sentences" frequency 3.0 ]
  edge [ source 0 target 1 weight 1.0 ]
  edge [ source 1 target 2 ]
]
"""
DOT = b"""strict digraph skills { // a comment
  rankdir=LR; node [shape=box];
  letters [label="letters", frequency=0.3];
  words [frequency=1.0, gate="any"]; "sentences" [frequency=3];
  letters -> words -> "sentences" [weight=1.0];
  subgraph cluster_a { letters; words }
}
"""
NODE_LINK = {
    "directed": True,
    "multigraph": False,
    "graph": {},
    "nodes": [{"id": "letters", "frequency": 0.3}, {"id": "words", "gate": "any", "frequency": 1.0}],
    "edges": [{"source": "letters", "target": "words", "weight": 1.0}],
}
NODE_LINK_OLD = {
    "directed": True,
    "nodes": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}],
    "links": [{"source": 0, "target": 1}],
}
CYTOSCAPE = {
    "elements": {
        "nodes": [{"data": {"id": "a", "name": "a"}}, {"data": {"id": "b", "name": "b"}}],
        "edges": [{"data": {"source": "a", "target": "b"}}],
    }
}
MATRIX = b",letters,words,sentences\nletters,0,1,0\nwords,0,0,1\nsentences,0,0,0\n"
MATRIX_PLAIN = b"0;1;0\n0;0;1,5\n0;0;0\n"
EDGES = b"prerequisite,skill,weight\nletters,words,1.0\nwords,sentences,0.5\n"
EDGES_GEPHI = b"Source,Target,Type,Id,Label,Weight\na,b,Directed,0,,1.0\nb,c,Directed,1,,1.0\n"
EDGE_LIST = b"# a comment\nletters words {'weight': 1.0}\nwords sentences\n"
EDGE_LIST_WEIGHTED = b"a b 1.5\na c 2\n"
ADJACENCY_LIST = b"# adj.py\n# GMT Sat Nov 28 2026\n#\nletters words\nwords sentences\nsentences\n"
TEXT_TABLE = b"source target weight\nletters words 1.0\nwords sentences 0.5\n"
TEXT_MATRIX = b"0.0 1.0 0.0\n0.0 0.0 1.0\n0.0 0.0 0.0\n"
CURVES = (
    b"step,letters,words\n0,0.5,0.25\n100,0.7,0.25\n200,0.95,0.4\n300,1.0,0.9\n",
    b"step;seed;a\n0;0;0.5\n10;0;0.9\n0;1;0.4\n10;1;\n20;1;0.8\n",
    b"run,step,task,value,frequency\nx,0,a,0.5,1.0\nx,0,b,0.5,0.2\nx,9,a,1.0,1.0\nx,12,b,0.8,0.2\n",
    b"Wall time,Step,Value\n1700000000.1,0,0.5\n1700000001.2,10,0.75\n1700000002.5,20,1.0\n",
    b'"Step","one - acc","one - acc__MIN","one - acc__MAX","two - acc"\n"0","0.5","0.5","0.5",""\n'
    b'"5","0.8","0.8","0.8","0.5"\n"9","","","","0.9"\n"12","0.9","0.9","0.9","1.0"\n',
)
FITTED = b"""[resource]
learning_rate = 1e-3
wasted_resource = 1e-3
gate_exponent = 0.1
plateau = 0.2
frequency_power = 0.7
[time]
until = 300.0
points = 21
[fitted]
tried = [[0.5, 0.5], [0.2, 0.8]]
frequency_power_known = true
time_error = 0.1
[[skill]]
name = "a"
frequency = 0.5
learnability = 1.2
[[skill]]
name = "b"
frequency = 0.5
learnability = 0.8
requires = ["a"]
prerequisite_strength = [0.6]
"""


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def _npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as held:
        for name, array in arrays.items():
            held.writestr(f"{name}.npy", _npy(array))
    return file.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


_UPPER = np.triu(np.ones((3, 3)), 1)
TEXTS: dict[str, list[bytes]] = {
    "scenario": [SCENARIO, SCENARIO, INTERFERENCE, SCENARIO_OF_GRAPH, HORIZON, FITTED],
    "sweep": [SWEEP, SWEEP_OF_LIST],
    "graphml": [GRAPHML, GRAPHML_YED],
    "gexf": [GEXF],
    "gml": [GML],
    "dot": [DOT],
    "json": [_json(NODE_LINK), _json(NODE_LINK_OLD), _json(CYTOSCAPE)],
    "csv-matrix": [MATRIX, MATRIX_PLAIN],
    "csv-edges": [EDGES, EDGES_GEPHI],
    "edgelist": [EDGE_LIST, EDGE_LIST_WEIGHTED],
    "adjlist": [ADJACENCY_LIST],
    "text-table": [TEXT_TABLE, TEXT_MATRIX],
    "gzip": [gzip.compress(text, mtime=0) for text in (_json(NODE_LINK), MATRIX, GRAPHML)],
    "curves": list(CURVES),
    "npy": [_npy(_UPPER), _npy(_UPPER.astype(bool)), _npy(np.asfortranarray(_UPPER.astype(">i2")))],
    "npz": [
        _npz(arr_0=_UPPER),
        _npz(
            row=np.array([0, 1]),
            col=np.array([1, 2]),
            data=np.ones(2),
            shape=np.array([3, 3]),
            format=np.array(b"coo"),
        ),
    ],
}
SUFFIXES = {
    "scenario": ".toml", "sweep": ".toml", "csv-matrix": ".csv", "csv-edges": ".csv", "netcdf": ".nc",
    "text-table": ".txt", "gzip": ".txt.gz", "curves": ".csv", "zarr": ".zarr", "command-line": ".txt",
    "python": ".txt",
}  # fmt: skip


def suffix(name: str) -> str:
    return SUFFIXES.get(name, f".{name}")


def netcdf(folder: pathlib.Path) -> list[bytes]:
    """Saved runs: a single one, and a batch with every optional part."""
    import resource_ode as ro

    graph = ro.SkillGraph([[], [0], [1]], names=["letters", "words", "sentences"])
    single = ro.ResourceModel(graph, [0.3, 1, 3], learning_rate=1e-3, wasted_resource=1e-3, gate_exponent=1e-4)
    batch = ro.ResourceModel(
        ro.SkillGraph([[], []]), [1.0, 2.0], learning_rate=1e-3, wasted_resource=[1e-3, 1e-2], pool=[0, 1]
    )
    found = []
    for number, model in enumerate((single, batch)):
        path = folder / f"seed_{number}.nc"
        ro.simulate(model, [0.0, 500.0, 2000.0]).save(path)
        found.append(path.read_bytes())
    return found


def zarr(folder: pathlib.Path) -> dict[str, bytes]:
    """A small store, as its files."""
    import resource_ode as ro

    plan, store = folder / "seed.toml", folder / "seed.zarr"
    plan.write_bytes(SWEEP)
    ro.sweep(ro.read_sweep(plan), store)
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


COMMAND_LINES = [
    ["simulate", "scenario.toml", "--out", "run.csv"],
    ["simulate", "scenario.toml", "--out", "run.nc", "--method", "cascade"],
    # a sweep that is solved would take its seconds every time
    ["sweep", "nothing.toml", "--out", "results.zarr", "--resume"],
    ["--help"],
    ["simulate", "--help"],
]
