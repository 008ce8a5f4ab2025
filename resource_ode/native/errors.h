// How wrong learning times may be, from how wrong the exposures are.

template <class Law>
class RelativeError {
  public:
    // The largest relative error of the times at which efforts reach `goal`, whatever is wasted
    // (`times._relative_error`), without looking for the places: openings and what has been learned only grow, so that
    // their values at nodes and edges bound them. Where the clock is read from the integral of the demand its errors
    // count as well.
    double of(const Graph<Law> &graph, const Constants &by, const Cascade<Law> &cascade, const double *opening, double goal,
              bool by_demand) {
        const int64_t panels = cascade.panels;
        const double before = by_edges(graph, cascade, by_demand);
        const double doubt = Law::HAS_END ? 1.0 : by.doubt;
        double worst = 0.0;
        for (int64_t s : graph.order) {
            const Pace &own = graph.paces[s];
            const double wanted = graph.wanted(s, goal);
            if (!(wanted > 0)) continue;
            const int64_t p = cascade.panel_of(s, wanted);
            const double from = cascade.at_edges[s * cascade.stride + p];
            // a polynomial is rounded beside its value at the end of the panel, however early in it the goal is
            const double end = cascade.at_edges[s * cascade.stride + p + 1];
            const double rounded = ROUNDING * (std::max(wanted, end) + 2 * own.start / own.pace(all(wanted))[0]);
            const double missed = doubt * cascade.off[s * panels + p] + rounded;
            double open = 1.0;
            if (graph.count(s)) {
                const double *nodes = opening + s * NODES * panels + p;
                open = std::max(nodes[0], (wanted - from) / (2 * cascade.half[p]));
                if (p > 0) open = std::max(open, nodes[(NODES - 1) * panels - 1]);
            }
            const double gained = graph.law.progress(all(goal))[0] - graph.law.progress(all(own.start))[0];
            const double most = std::max(learned[p + 1], gained), least = std::max(learned[p], gained);
            const double shifted = (pace[p] * (missed / open) + moved[p] + ROUNDING * (most + before)) / least;
            const double found = std::max(shifted, missed / wanted);
            if (!(found <= worst)) worst = std::isnan(shifted) ? shifted : found;
        }
        worst += cascade.bends;
        // sqrt(F^2 + N0^2) lies between F + N0 and that over the root of 2
        return graph.squared ? worst * std::sqrt(2.0) : worst;
    }

  private:
    std::vector<double> learned, pace, moved;

    // At edges and in panels: what has been learned, how fast, and by how much that is wrong. Returns what was there at
    // the start, twice.
    double by_edges(const Graph<Law> &graph, const Cascade<Law> &cascade, bool by_demand) {
        const int64_t panels = cascade.panels;
        const auto room = static_cast<size_t>(panels + LANES);
        learned.assign(room, 0.0), pace.assign(room, 0.0), moved.assign(room, 0.0);
        double before = 0.0;
        for (int64_t s : graph.order)
            if (graph.paces[s].start > 0) before += 2 * graph.law.progress(all(graph.paces[s].start))[0];
        if (by_demand) {
            std::copy_n(&cascade.spent[0], panels + 1, learned.begin());
        } else {
            std::copy_n(&cascade.unlearned[0], panels + 1, learned.begin());
            for (int64_t s : graph.order)
                for (int64_t p = 0; !graph.count(s) && p <= panels; p += LANES) {
                    Vector part, more;
                    graph.law.demand_and_rest(graph.paces[s].effort(load(cascade.at_edges + s * cascade.stride + p)), part, more);
                    store(&learned[p], load(&learned[p]) + more);
                }
            const double all_of_it = learned[0];
            for (int64_t p = 0; p <= panels; p++) learned[p] = all_of_it - learned[p];
        }
        double entered = 0.0, last = 0.0;
        for (int64_t p = 0; p < panels; p++) {
            const double here = (learned[p + 1] - learned[p]) / (2 * cascade.half[p]);
            pace[p] = std::max(here, last);
            if (p > 0) pace[p - 1] = std::max(pace[p - 1], here);
            last = here;
            entered = std::max(entered, cascade.moved[p]);
            moved[p] = cascade.moved[p] + (by_demand ? cascade.late[p] + entered + cascade.jumps : 0.0);
        }
        return before;
    }
};
