"""Files of very many skills."""

import json
import subprocess
import sys

import numpy as np
import pytest

# as users read it: the tests check the types of every call, which takes ten times as long
READ = """
import sys, time
import resource_ode as ro
begun = time.process_time()
graph = ro.read_graph(sys.argv[1])
print(time.process_time() - begun, int(graph.required.sum()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_hundred_thousand_skills_are_read_within_ten_seconds(tmp_path, kind):
    skills, rng = 100_000, np.random.default_rng(0)
    after = rng.integers(1, skills, 300_000)
    before = (rng.random(after.size) * after).astype(int)
    edges = sorted(set(zip(before.tolist(), after.tolist(), strict=True)))
    file = tmp_path / f"large.{kind}"
    if kind == "csv":
        file.write_text("prerequisite,skill\n" + "".join(f"s{one},s{other}\n" for one, other in edges))
    else:
        links = [{"source": one, "target": other} for one, other in edges]
        file.write_text(json.dumps({"directed": True, "nodes": [{"id": k} for k in range(skills)], "links": links}))
    done = subprocess.run([sys.executable, "-c", READ, file], capture_output=True, text=True, check=True)
    seconds, dependencies = done.stdout.split()
    assert int(dependencies) == len(edges)
    assert float(seconds) < 10
