// What skills ask for at the rows of a run, from their exposures: four rows at a time, of which three are followed by one.

// each number's successor; the last has none, and stays
INLINE Vector followed(Vector x) { return Vector{x[1], x[2], x[3], x[3]}; }
// a share of what may be nothing
INLINE Vector part_of(Vector x, Vector whole) { return whole > 0 ? x / whole : all(0.0); }

template <class Law>
bool loads(const Batch &batch, const Runner &run, const Loads &to) {
    struct Worker {
        Graph<Law> graph;
        Numbers gates, demands, lowest, highest, gained;
    };
    return run(batch.rows, SHARE, [&]() -> Work {
        return [&, worker = std::make_shared<Worker>()](int64_t row) {
            Graph<Law> &graph = worker->graph;
            graph.read(batch, row);
            for (Numbers *numbers : {&worker->gates, &worker->demands, &worker->lowest, &worker->highest, &worker->gained})
                numbers->reserve(batch.skills * LANES);
            double *gates = worker->gates, *demands = worker->demands, *lowest = worker->lowest,
                   *highest = worker->highest, *gained = worker->gained, before = 0.0;
            for (int64_t s : graph.order) before += graph.law.progress(all(graph.paces[s].start))[0];
            for (int64_t e = 0; e < batch.groups; e++)
                for (int64_t c = 0; c < batch.clocks; c++) {
                    const double a = *batch.exponent.at(row, e), *state = to.state.at(row, e, c);
                    double *results[] = {to.largest.at(row, e, c), to.total.at(row, e, c), to.squares.at(row, e, c),
                                         to.learned.at(row, e, c), to.least.at(row, e, c), to.most.at(row, e, c)};
                    for (int64_t t = 0; t < to.times; t += LANES - 1) {
                        Vector found[6] = {all(0.0), all(0.0), all(0.0), all(-before), all(0.0), all(0.0)};
                        Vector scale = all(0.0);
                        for (int64_t s : graph.order) {
                            const Pace &own = graph.paces[s];
                            Vector x;
                            for (int64_t lane = 0; lane < LANES; lane++)
                                x[lane] = state[std::min(t + lane, to.times - 1) * batch.skills + s];
                            const Vector effort = own.effort(x), demand = graph.law.demand(effort), pace = own.pace(x),
                                         progress = graph.law.progress(effort);
                            if (graph.needed[s]) store(gates + s * LANES, saturation(a * graph.law.depth(effort)));
                            store(demands + s * LANES, pace * demand);
                            store(gained + s * LANES, followed(progress) - progress);
                            // demand has one peak at most, and the pace one change
                            store(lowest + s * LANES, smaller(pace, followed(pace)) * smaller(demand, followed(demand)));
                            store(highest + s * LANES, larger(pace, followed(pace)) *
                                                           graph.law.largest_demand(effort, followed(effort)));
                            found[3] += progress;
                        }
                        for (int64_t s : graph.order) {
                            Vector opening[1];
                            open(graph, s, gates, LANES, 0, opening);
                            const Vector own = opening[0] * load(demands + s * LANES);
                            store(demands + s * LANES, own);
                            found[0] = larger(own, found[0]);
                            // ways only open
                            const Vector high = followed(opening[0]) * load(highest + s * LANES);
                            store(lowest + s * LANES, opening[0] * load(lowest + s * LANES));
                            store(highest + s * LANES, high);
                            scale = larger(high, scale);
                        }
                        const Vector unit = found[0] > 0 ? found[0] : all(1.0);
                        Vector low = all(0.0), high = all(0.0), useful = all(0.0);
                        scale = scale > 0 ? scale : all(1.0);
                        for (int64_t s : graph.order) {
                            const Vector part = load(demands + s * LANES) / unit;
                            found[1] += part, found[2] += part * part;
                            low += load(lowest + s * LANES) / scale, high += load(highest + s * LANES) / scale;
                            useful += load(gained + s * LANES);
                        }
                        for (int64_t s : graph.order) {
                            // the skill's part of what is of use: its least, its largest and its mean between two rows,
                            // of which the mean of the square follows
                            const Vector least = load(lowest + s * LANES) / scale, most = load(highest + s * LANES) / scale;
                            const Vector first = part_of(least, least + larger(high - most, all(0.0))),
                                         last = part_of(most, most + larger(low - least, all(0.0)));
                            const Vector mean = smaller(larger(part_of(load(gained + s * LANES), useful), first), last);
                            found[4] += mean * mean, found[5] += mean * mean + (mean - first) * (last - mean);
                        }
                        for (int64_t lane = 0; lane < std::min(LANES - 1, to.times - t); lane++) {
                            // after the last row there is no interval
                            if (t + lane == to.times - 1) found[4][lane] = found[5][lane] = 0.0;
                            for (int64_t k = 0; k < 6; k++) results[k][t + lane] = graph.sound ? found[k][lane] : NAN;
                        }
                    }
                }
        };
    });
}
