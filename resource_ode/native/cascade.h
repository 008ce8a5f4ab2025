// The cascade of one graph on panels; the mathematics, and why it is so, is that of `cascade.py`.
//
// Numbers at nodes are (node, panel), the panels side by side, four of them in a vector: numbers of panels are
// multiples of four. Skills come in topological order, absent ones not at all.

template <class Law>
struct Cascade {
    int64_t skills, panels = 0, stride = 0;
    Numbers edges, half, roots;            // (edge,), (panel,), (node, panel): exposures of a skill without gates
    Numbers opening, gates;                // (skill, node, panel)
    Numbers at_edges, relative, off;       // (skill, edge), and errors (skill, panel): of gates, of exposures
    Numbers demand, flow, rest, leading;   // (node, panel): of the clock, of the budget, what is left to learn, and the
                                           // largest demand of a skill
    Numbers moved, unlearned, spent, late; // (panel,), (edge,), (edge,), (panel,): what all levels may be wrong by, what
                                           // is left to learn of skills that wait, what is spent without waste, its error
    Numbers inside, gained, edge, within, behind, panel_error, gates_at_edges;
    std::vector<Kink> kinks;
    double jumps = 0.0;                    // what jumps of demand between two edges may do to the clock
    double bends = 0.0;                    // and what bends of gates there do to the exposures that wait, as a part of them
    Since *since = nullptr;                // where a window of a long run begins, if this is one

    Cascade(int64_t skills, int64_t panels) : skills(skills) { resize(panels); }

    // What was in it is lost.
    void resize(int64_t count) {
        panels = count, stride = count + LANES;
        edges.reserve(stride), at_edges.reserve(skills * stride), unlearned.reserve(stride), spent.reserve(stride);
        for (Numbers *each : {&opening, &gates}) each->reserve(skills * NODES * count);
        for (Numbers *each : {&relative, &off}) each->reserve(skills * count);
        for (Numbers *each : {&roots, &demand, &flow, &rest, &leading, &inside}) each->reserve(NODES * count);
        for (Numbers *each : {&half, &gained, &edge, &within, &behind, &panel_error, &moved, &late}) each->reserve(count);
    }

    // Openings, gates and exposures at edges; with errors those of panels as well, and kinks, and the demand if wanted.
    // Exposures below `least`, if given, decide nothing. Returns the level error.
    template <bool ERRORS = true>
    double solve(const Graph<Law> &graph, const Rule &rule, bool with_demand, double least = 0.0) {
        if (!(least > 0)) least = 1 / (10 * graph.quickest);
        for (int64_t p = 0; p < panels; p += LANES) {
            const Vector left = load(edges + p), width = load(edges + p + 1) - left;
            store(half + p, width * 0.5);
            store(panel_error + p, all(0.0));
            for (int64_t node = 0; node < NODES; node++) {
                store(roots + node * panels + p, width * (0.5 * (1 + rule.places[node + 1])));
                for (Numbers *each : {&demand, &flow, &rest, &leading}) store(*each + node * panels + p, all(0.0));
            }
        }
        if (static_cast<int64_t>(graph.order.size()) < skills && !since)
            for (int64_t k = 0; k < skills * stride; k++) at_edges[k] = NAN;
        kinks.clear(), nothing_moved();
        if (since) since->idle = 0.0;
        double worst = 0.0;
        jumps = since ? since->begin.jumps : 0.0, bends = 0.0;
        const bool kinked = ERRORS && std::any_of(graph.order.begin(), graph.order.end(),
                                        [&](int64_t s) { return graph.either[s] && graph.count(s) > 1; });
        if (kinked) gates_at_edges.reserve(skills * stride);
        for (int64_t s : graph.order) {
            const bool rooted = !graph.count(s);
            if (since && idles(*this, graph, s, kinked)) continue;
            if (rooted) {
                double *x = at_edges + s * stride, *o = opening + s * NODES * panels;
                for (int64_t p = 0; p <= panels; p++) x[p] = edges[p];
                for (int64_t p = 0; p < NODES * panels; p++) o[p] = 1.0;
                for (int64_t p = 0; p < panels; p++) relative[s * panels + p] = off[s * panels + p] = 0.0;
                if (since) go_on(*this, s), worst = std::max(worst, slope_error(graph, s));
            } else {
                integrate<ERRORS>(graph, rule, s);
                if (ERRORS && graph.either[s] && graph.count(s) > 1) add_kinks(graph, rule, s);
                const double found = ERRORS ? estimate(graph, s, least) : 0.0;
                if (!(found <= worst)) worst = found;  // not max(): a NaN must stay
            }
            if (ERRORS && graph.paces[s].paced) jumps += turn(graph, rule, s);
            if (graph.needed[s] || with_demand) follow<ERRORS>(graph, s, rooted ? roots : inside, with_demand, kinked);
            if (since) since->state[s] = shut(graph, s, at_edges[s * stride + panels]) ? SHUT : OPEN;
        }
        if (since) since->end.jumps = jumps;
        return with_demand ? with_clock(graph, rule, worst + jumps + bends, false) : worst + bends;
    }

    // `cascade.at_exponent`: this from a solved cascade at another gate exponent, `ratio` times its own; the openings
    // stay where they are. Returns the level error.
    double at_exponent(const Graph<Law> &graph, const Rule &rule, const Cascade &solved, double ratio,
                       bool with_demand) {
        const double inverse = 1 / ratio;
        jumps = solved.jumps * inverse, bends = solved.bends;
        for (int64_t p = 0; p <= panels; p++) edges[p] = solved.edges[p] * inverse;
        for (int64_t p = 0; p < panels; p++) half[p] = (edges[p + 1] - edges[p]) * 0.5;
        for (int64_t p = 0; p < NODES * panels; p++) demand[p] = flow[p] = rest[p] = leading[p] = 0.0;
        nothing_moved();
        if (static_cast<int64_t>(graph.order.size()) < skills)
            for (int64_t k = 0; k < skills * stride; k++) at_edges[k] = NAN;
        double worst = 0.0;
        for (int64_t s : graph.order) {
            double *x = at_edges + s * stride;
            for (int64_t p = 0; p <= panels; p++) x[p] = solved.at_edges[s * stride + p] * inverse;
            for (int64_t p = 0; p < panels; p++) off[s * panels + p] = solved.off[s * panels + p] * inverse;
            if (graph.count(s)) {
                const double found = slope_error(graph, s);
                if (!(found <= worst)) worst = found;
            }
            if (!with_demand) continue;
            const double *o = solved.opening + s * NODES * panels;
            for (int64_t p = 0; p < panels; p += LANES) {
                Vector values[NODES];
                for (int64_t node = 0; node < NODES; node++) values[node] = load(o + node * panels + p);
                Folded(values).integrals(rule, load(half + p), inside + p, panels);
            }
            add_demand(graph, s, o, inside);
        }
        return with_demand ? with_clock(graph, rule, worst + jumps + bends, true) : worst + bends;
    }

    // What is left to learn at the start of all.
    static double left_to_learn(const Graph<Law> &graph) {
        double before = 0.0;
        for (int64_t s : graph.order) {
            Vector left, more;
            graph.law.demand_and_rest(all(graph.paces[s].start), left, more);
            before += more[0];
        }
        return before;
    }

    // The panel in which a skill's exposure reaches a value; the last if none.
    int64_t panel_of(int64_t s, double wanted) const {
        const double *x = at_edges + s * stride;
        return std::clamp<int64_t>(std::upper_bound(x + 1, x + panels, wanted) - (x + 1), 0, panels - 1);
    }

  private:
    // A skill's opening, the integral of it from each panel's left edge to its nodes, and over each panel.
    template <bool ERRORS>
    void integrate(const Graph<Law> &graph, const Rule &rule, int64_t s) {
        double *o = opening + s * NODES * panels, *x = at_edges + s * stride;
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector values[NODES];
            open(graph, s, gates, panels, p, values);
#pragma GCC unroll 8
            for (int64_t node = 0; node < NODES; node++) store(o + node * panels + p, values[node]);
            const Folded folded(values);
            const Vector h = load(half + p);
            folded.integrals(rule, h, inside + p, panels);
            store(gained + p, h * dot(rule.weights, folded.sums));
            if (!ERRORS) continue;
            Vector at_edge, inside_it;
            folded.missed(rule, h, at_edge, inside_it);
            store(edge + p, at_edge);
            store(within + p, inside_it);
        }
        if (ERRORS) {
            const double unseen = missed_at_start(graph, rule, s);
            edge[0] += unseen, within[0] += unseen;
        }
        x[0] = since ? since->exposure[s] : 0.0;
        for (int64_t p = 0; p < panels; p++) x[p + 1] = x[p] + gained[p];
        for (int64_t p = 1; p < LANES; p++) x[panels + p] = x[panels];
    }

    // What the integral of an opening may miss before the first node of all: how open it is at 0 is known, and where the
    // polynomial says something else, something has happened in between.
    double missed_at_start(const Graph<Law> &graph, const Rule &rule, int64_t s) const {
        const bool largest_counts = graph.largest_counts(s);
        double at_start = largest_counts ? 0.0 : 1.0, found = 0.0;
        for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
            const Pace &pace = graph.paces[graph.behind[f]];
            const double start = since ? pace.effort(since->exposure[graph.behind[f]]) : pace.start;
            const double own = start > 0 ? saturation(graph.exponent * graph.law.depth(all(start)))[0] : 0.0;
            const double gate = graph.needs(f, all(own))[0];
            at_start = largest_counts ? std::max(at_start, gate) : at_start * gate;
        }
        for (int64_t node = 0; node < NODES; node++) found += rule.left[node] * opening[(s * NODES + node) * panels];
        return std::abs(found - at_start) * half[0] * (1 + rule.places[1]);
    }

    // What the integral of a maximum may miss where another gate becomes the largest; inside as well, which also tells
    // where to refine.
    void add_kinks(const Graph<Law> &graph, const Rule &rule, int64_t s) {
        const Leaders leaders{gates, gates_at_edges, graph.behind.data() + graph.begin[s],
                              graph.strength.empty() ? nullptr : graph.strength.data() + graph.begin[s],
                              graph.count(s), panels, stride};
        for (int64_t p = 0; p < panels; p += LANES) {
            double missed[LANES] = {};
            leaders.look(rule, edges, half, p, missed, kinks);
            store(edge + p, load(edge + p) + load(missed));
            store(within + p, load(within + p) + load(missed));
        }
    }

    // Where a self-paced skill turns; returns what its jump in demand does to the clock if no edge is there. Its gate g bends
    // there: its slope changes by at most g times that of the logarithm of its effort, and what waits for it has gained
    // about g times half the time so far.
    double turn(const Graph<Law> &graph, const Rule &rule, int64_t s) {
        const Pace &pace = graph.paces[s];
        const double *x = at_edges + s * stride;
        if (!(pace.turn > x[0]) || !(pace.turn < x[panels]) || pace.rate == pace.after) return 0.0;
        const int64_t p = panel_of(s, pace.turn);
        Polynomial own;
        own.read(rule, opening + s * NODES * panels + p, panels, 0.0, half[p], x[p], x[p + 1]);
        const double z = invert(rule, own, pace.turn), place = edges[p] + half[p] * (1 + z);
        const double apart = half[p] * std::min(1 - z, 1 + z), change = std::abs(pace.rate - pace.after);
        kinks.push_back({place, change * place});
        if (graph.needed[s]) bends += change / (pace.start + pace.rate * pace.turn) * apart * apart / place;
        return apart * change * graph.law.demand(all(pace.start + pace.rate * pace.turn))[0];
    }

    // Errors of a skill's exposure: its own and, to first order, those of what it waits for. Returns the level error.
    double estimate(const Graph<Law> &graph, int64_t s, double least) {
        const double *x = at_edges + s * stride;
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector total = all(0.0);
            for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
                const int64_t b = graph.behind[f];
                const Vector wrong = load(relative + b * panels + p);
                // that of a product is the sum; a maximum moves by no more than the gate that is most wrong
                if (graph.largest_counts(s)) {
                    const Vector part = wrong * share_of(graph, s, f, p);
                    total = part > total ? part : total == total && part == part ? total : total + part;  // NaN stays
                } else {
                    total += wrong;
                }
            }
            store(behind + p, load(edge + p) + load(gained + p) * (total + ROUNDING));
        }
        double wrong = since ? since->off[s] : 0.0;
        for (int64_t p = 0; p < panels; p++) edge[p] = wrong += behind[p];
        if (since) since->wrong[s] = wrong;
        for (int64_t p = 0; p < panels; p += LANES) {
            const Vector reached = load(x + p + 1), e = load(edge + p), w = load(within + p);
            const Vector share = smaller(all(1.0), e / reached);  // NaN stays
            store(relative + s * panels + p, reached > 0 ? share : all(0.0));
            store(off + s * panels + p, e + w);
            store(panel_error + p, larger(load(panel_error + p), w / (reached + least)));
        }
        return slope_error(graph, s);
    }

    // How large a gate is, in four panels, beside the opening of a skill that waits for it: at most.
    Vector share_of(const Graph<Law> &graph, int64_t s, int64_t f, int64_t p) const {
        const int64_t b = graph.behind[f];
        Vector most = all(0.0);
        for (int64_t node = 0; node < NODES; node++) {
            const Vector whole = load(opening + (s * NODES + node) * panels + p);
            const Vector gate = graph.needs(f, load(gates + (b * NODES + node) * panels + p));
            most = larger(whole > 0 ? gate / (whole > 0 ? whole : all(1.0)) : all(1.0), most);
        }
        return most;
    }

    void nothing_moved() {
        for (int64_t p = 0; p < panels; p++) moved[p] = unlearned[p] = 0.0;
        unlearned[panels] = 0.0;
    }

    // The error of a skill's level from that of its exposure.
    double slope_error(const Graph<Law> &graph, int64_t s) {
        const Pace pace = graph.paces[s];
        Vector most = all(0.0), total = all(0.0), part, more;
        for (int64_t p = 0; p < panels; p += LANES) {
            const Vector x = load(at_edges + s * stride + p);
            graph.law.demand_and_rest(pace.effort(x), part, more);
            // demand that grows before it falls may be larger inside the panel
            if (Law::GROWS)
                part = graph.law.largest_demand(pace.effort(x), pace.effort(load(at_edges + s * stride + p + 1)));
            const Vector wrong = pace.pace(x) * part * load(off + s * panels + p);
            most = larger(most, wrong);
            total += wrong;
            store(moved + p, load(moved + p) + wrong);
            store(unlearned + p, load(unlearned + p) + more);
        }
        graph.law.demand_and_rest(all(pace.effort(at_edges[s * stride + panels])), part, more);
        unlearned[panels] += more[0];
        return std::isnan(sum(total)) ? sum(total) : largest(most);
    }

    // What a skill does to the others: its gate, and its part in the demand.
    template <bool ERRORS>
    void follow(const Graph<Law> &graph, int64_t s, const double *inner, bool with_demand, bool kinked) {
        if (graph.needed[s]) {
            const double *x = at_edges + s * stride, a = graph.exponent;
            double *gate = gates + s * NODES * panels;
            const double *o = opening + s * NODES * panels;
            const Pace pace = graph.paces[s];
            for (int64_t p = 0; p < panels; p += LANES) {
                const bool through = graph.law.through(a, pace.effort(x[p]));
                const Vector here = load(x + p);
                if constexpr (Law::AT_ONCE) {
                    for (int64_t node = 0; node < NODES; node++) {
                        const int64_t n = node * panels + p;
                        const Vector exposure = here + load(inner + n);
                        Vector left, more;
                        const Vector depth = graph.law.depth_demand_and_rest(pace.effort(exposure), left, more);
                        store(gate + n, saturation(a * depth));
                        if (with_demand) demand_at(graph, n, load(o + n) * pace.pace(exposure) * left, more);
                    }
                } else {
#pragma GCC unroll 8
                    for (int64_t node = 0; node < NODES; node++) {
                        const int64_t n = node * panels + p;
                        store(gate + n, through ? all(1.0) : saturation(a * graph.law.depth(pace.effort(here + load(inner + n)))));
                    }
                }
                if (!ERRORS) continue;
                // from the error of an exposure to that of its gate (`cascade._steepness`)
                const Vector first = here + load(inner + p), effort = pace.effort(first), ajar = load(gate + p);
                Vector steep = ajar > 0 ? a * graph.law.depth(effort) * (1.0 - ajar) / ajar : all(1.0);
                if (since && pace.start > 0)
                    steep *= smaller(std::max(pace.rate, pace.after) * load(x + p + 1) / effort,
                                     all(pace.paced ? INFINITY : 1.0));
                else if (pace.paced) steep *= effort > 0 ? larger(pace.pace(first) * first / effort, all(1.0)) : all(1.0);
                if (Law::GROWS) {
                    const Vector last = pace.effort(here + load(inner + (NODES - 1) * panels + p));
                    steep *= larger(graph.law.steepness(effort), graph.law.steepness(last));
                }
                double *wrong = relative + s * panels + p;
                store(wrong, load(wrong) * steep);
            }
            if (kinked)
                for (int64_t p = 0; p <= panels; p += LANES)
                    store(gates_at_edges + s * stride + p, saturation(a * graph.law.depth(pace.effort(load(x + p)))));
        }
        if (with_demand && !(Law::AT_ONCE && graph.needed[s])) add_demand(graph, s, opening + s * NODES * panels, inner);
    }

    void add_demand(const Graph<Law> &graph, int64_t s, const double *o, const double *inner) {
        const Pace pace = graph.paces[s];
        const double *x = at_edges + s * stride;
        // what is learned demands nothing any more, here and in all panels to come
        for (int64_t p = 0; p < panels && !graph.law.learned(pace.effort(x[p])); p += LANES) {
            const Vector here = load(x + p);
#pragma GCC unroll 8
            for (int64_t node = 0; node < NODES; node++) {
                const int64_t n = node * panels + p;
                const Vector exposure = here + load(inner + n);
                Vector left, more;
                graph.law.demand_and_rest(pace.effort(exposure), left, more);
                demand_at(graph, n, load(o + n) * pace.pace(exposure) * left, more);
            }
        }
    }

    // Adds what a skill demands at a node of four panels, and what it has left to learn.
    inline void demand_at(const Graph<Law> &graph, int64_t n, Vector part, Vector more) {
        store(demand + n, load(demand + n) + (graph.squared ? part * part : part));
        if (graph.squared) store(flow + n, load(flow + n) + part);
        store(rest + n, load(rest + n) + more);
        store(leading + n, larger(part, load(leading + n)));
    }

    // The level error and, with it, what the clock may be wrong by, anywhere; the errors of the panels gain theirs, or
    // become the larger of the two. An estimate sees nothing of what happens between two nodes. The budget law does: at
    // every node what was demanded up to there is what was learned (`errors.off_balance`), whatever the competition.
    double with_clock(const Graph<Law> &graph, const Rule &rule, double worst, bool either) {
        double total = 0.0, most = 0.0, before = 0.0, shifted = 0.0, entered = 0.0;
        if (since) {
            total = since->begin.late, entered = since->begin.entered, before = since->before - since->idle;
        } else {
            before = left_to_learn(graph);
        }
        const double *all_of_it = graph.squared ? flow : demand;
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector values[NODES], parts[NODES], at_edge, inside_it;
            for (int64_t node = 0; node < NODES; node++) {
                values[node] = load(demand + node * panels + p), parts[node] = load(all_of_it + node * panels + p);
                if (graph.squared) values[node] = root(values[node]);
            }
            const Vector h = load(half + p);
            Folded(values).missed(rule, graph.squared ? h * rule.constants->root_doubt : h, at_edge, inside_it);
            // the clock carries the errors of all skills to each of them: a skill gets its share of what all have
            // learned too much; without the budget law an error that has entered the clock stays there
            Vector share = all(0.0), carried = load(moved + p);
            for (int64_t node = 0; node < NODES; node++)
                share = larger(share, load(leading + node * panels + p) / (values[node] + TINY));
            for (int64_t lane = 0; lane < LANES && graph.squared; lane++)
                carried[lane] = entered = std::max(entered, carried[lane]);
            shifted = std::max(shifted, largest(share * carried));
            store(spent + p + 1, h * dot(rule.weights, values));
            for (int64_t lane = 0; lane < LANES; lane++) late[p + lane] = (total += at_edge[lane]) + inside_it[lane];
            most = std::max(most, largest(inside_it));
            const Folded folded(parts);
            folded.integrals(rule, h, inside + p, panels);
            store(gained + p, h * dot(rule.weights, folded.sums));
            const Vector own = load(panel_error + p);
            store(panel_error + p, either ? larger(own, inside_it) : own + inside_it);
        }
        spent[0] = 0.0;
        for (int64_t p = 0; p < panels; p++) spent[p + 1] += spent[p];
        if (since) {
            since->end.late = total, since->end.entered = entered;
            since->end.integral = since->begin.integral + spent[panels];
        }
        const double unbalanced = off_balance(all_of_it, before);
        const double estimate = worst + total + most + shifted;
        return unbalanced > estimate || std::isnan(unbalanced) ? unbalanced : estimate;
    }

    // A difference in what was spent moves a level by its share of that: the largest, here or at the node before.
    double off_balance(const double *total, double before) {
        double paid = 0.0, unbalanced = 0.0, last = 0.0, share = 1.0;
        if (since) paid = since->begin.paid, last = since->begin.last, share = since->begin.share;
        for (int64_t p = 0; p < panels; p++) {
            double here = 0.0;
            for (int64_t node = 0; node < NODES; node++) {
                const int64_t n = node * panels + p;
                const double off = paid + inside[n] + rest[n] - before, own = leading[n] / (total[n] + TINY);
                const double wider = std::max(share, own);
                if (!(std::abs(off) * wider <= unbalanced)) unbalanced = std::abs(off) * wider;
                here = std::max(here, std::abs(off - last) * wider);
                share = own;
                if (node == NODES - 1) last = off;
            }
            paid += gained[p];
            panel_error[p] = std::max(panel_error[p], here);
        }
        if (since) since->end.paid = paid, since->end.last = last, since->end.share = share;
        return unbalanced;
    }
};
