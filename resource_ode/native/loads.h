// What skills ask for at the rows of a run, from their exposures: four rows at a time.

template <class Law>
bool loads(const Batch &batch, const Runner &run, const Loads &to) {
    struct Worker {
        Graph<Law> graph;
        Numbers gates, demands;
    };
    return run(batch.rows, SHARE, [&]() -> Work {
        return [&, worker = std::make_shared<Worker>()](int64_t row) {
            Graph<Law> &graph = worker->graph;
            graph.read(batch, row);
            worker->gates.reserve(batch.skills * LANES), worker->demands.reserve(batch.skills * LANES);
            double *gates = worker->gates, *demands = worker->demands, before = 0.0;
            for (int64_t s : graph.order) before += graph.law.progress(all(graph.paces[s].start))[0];
            for (int64_t e = 0; e < batch.groups; e++)
                for (int64_t c = 0; c < batch.clocks; c++) {
                    const double a = *batch.exponent.at(row, e), *state = to.state.at(row, e, c);
                    double *results[] = {to.largest.at(row, e, c), to.total.at(row, e, c), to.squares.at(row, e, c),
                                         to.learned.at(row, e, c)};
                    for (int64_t t = 0; t < to.times; t += LANES) {
                        Vector found[4] = {all(0.0), all(0.0), all(0.0), all(-before)};
                        for (int64_t s : graph.order) {
                            const Pace &pace = graph.paces[s];
                            Vector x;
                            for (int64_t lane = 0; lane < LANES; lane++)
                                x[lane] = state[std::min(t + lane, to.times - 1) * batch.skills + s];
                            const Vector effort = pace.effort(x);
                            if (graph.needed[s]) store(gates + s * LANES, saturation(a * graph.law.depth(effort)));
                            store(demands + s * LANES, pace.pace(x) * graph.law.demand(effort));
                            found[3] += graph.law.progress(effort);
                        }
                        for (int64_t s : graph.order) {
                            Vector opening[1];
                            open(graph, s, gates, LANES, 0, opening);
                            const Vector own = opening[0] * load(demands + s * LANES);
                            store(demands + s * LANES, own);
                            found[0] = larger(own, found[0]);
                        }
                        const Vector scale = found[0] > 0 ? found[0] : all(1.0);
                        for (int64_t s : graph.order) {
                            const Vector part = load(demands + s * LANES) / scale;
                            found[1] += part, found[2] += part * part;
                        }
                        for (int64_t k = 0; k < 4; k++)
                            for (int64_t lane = 0; lane < std::min(LANES, to.times - t); lane++)
                                results[k][t + lane] = graph.sound ? found[k][lane] : NAN;
                    }
                }
        };
    });
}
