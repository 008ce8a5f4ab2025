// A solved cascade, skills side by side: what is read at one place of it for all of them.

// Paces of the skills, side by side; those of absent skills are NaN, so that whatever is made of them is.
struct Paces {
    std::vector<double> start, rate, turn, after;
    bool paced = false;

    template <class Law>
    void read(const Graph<Law> &graph, bool of_paced) {
        const size_t room = static_cast<size_t>((graph.skills + LANES - 1) / LANES * LANES);
        paced = of_paced;
        start.assign(room, 0.0), rate.assign(room, NAN);
        if (paced) turn.assign(room, 0.0), after.assign(room, NAN);
        for (int64_t s : graph.order) {
            const Pace &pace = graph.paces[s];
            start[s] = pace.start, rate[s] = pace.rate;
            if (paced) turn[s] = pace.turn, after[s] = pace.after;
        }
    }

    inline Vector effort(int64_t s, Vector x) const {
        if (!paced) return load(&start[s]) + load(&rate[s]) * x;
        const Vector t = load(&turn[s]), before = smaller(x, t), beyond = larger(x - t, all(0.0));
        return load(&start[s]) + load(&rate[s]) * before + load(&after[s]) * beyond;
    }

    inline Vector pace(int64_t s, Vector x) const {
        return !paced ? load(&rate[s]) : x < load(&turn[s]) ? load(&rate[s]) : load(&after[s]);
    }
};

// Openings of the skills of one panel in blocks side by side, node after node, and at the end the exposures at
// its edges: a vector of panels at a time.
template <class Law>
class Table {
  public:
    const int64_t blocks;

    explicit Table(int64_t skills) : blocks((skills + LANES - 1) / LANES), skills(skills) {}

    // What is read from now on, values at nodes and integrals at edges: all panels stay, but those of a very large graph.
    void open(const double *opening, const double *at_edges, const Cascade<Law> &cascade) {
        this->opening = opening, this->at_edges = at_edges, this->cascade = &cascade;
        const bool all_stay = skills <= MOST_STAYING;
        slots = all_stay ? cascade.panels / LANES : 1;
        numbers.reserve(slots * LANES * blocks * BLOCK);
        filled.assign(static_cast<size_t>(slots), -1);
    }

    // Makes ready to read a panel.
    void take(int64_t panel) {
        const int64_t group = panel / LANES, first = group * LANES, panels = cascade->panels, slot = group % slots;
        double *const to_slot = numbers + slot * LANES * blocks * BLOCK;
        here = to_slot + (panel - first) * blocks * BLOCK;
        if (filled[slot] == group) return;
        filled[slot] = group;
        for (int64_t block = 0; block < blocks; block++) {
            const double *from[LANES], *edge[LANES];
            for (int64_t lane = 0; lane < LANES; lane++) {
                const int64_t s = std::min(block * LANES + lane, skills - 1);
                from[lane] = opening + s * NODES * panels + first;
                edge[lane] = at_edges + s * cascade->stride + first;
            }
            double *to = to_slot + block * BLOCK;
            for (int64_t panel = 0; panel < LANES; panel++, to += blocks * BLOCK) {
                for (int64_t node = 0; node < NODES; node++)
                    store(to + node * LANES, by_lane([&](int64_t lane) { return from[lane][node * panels + panel]; }));
                for (int64_t end = 0; end < 2; end++)
                    store(to + (NODES + end) * LANES, by_lane([&](int64_t lane) { return edge[lane][panel + end]; }));
            }
        }
    }

    // Exposures of a block of skills, NaN if absent. They never fall: where an opening grows by orders of magnitude in a
    // panel, its interpolant may be wrong by more than all that came before, which a skill that is learned would lose.
    inline Vector exposures(const Vector (&weights)[NODES], int64_t block) const {
        const double *edges = here + block * BLOCK + NODES * LANES;
        const Vector value = integrals(weights, block), left = load(edges), right = load(edges + LANES);
        return value < left ? left : value > right ? right : value;
    }

    inline Vector integrals(const Vector (&weights)[NODES], int64_t block) const {
        const double *at = here + block * BLOCK;
        Vector first = load(at + NODES * LANES), second = weights[1] * load(at + LANES);
#pragma GCC unroll 8
        for (int64_t node = 0; node < NODES; node += 2) {
            first += weights[node] * load(at + node * LANES);
            if (node > 0) second += weights[node + 1] * load(at + (node + 1) * LANES);
        }
        return first + second;
    }

    // What is interpolated there.
    inline Vector openings(const Vector (&weights)[NODES], int64_t block) const {
        const double *at = here + block * BLOCK;
        Vector value = weights[0] * load(at);
#pragma GCC unroll 8
        for (int64_t node = 1; node < NODES; node++) value += weights[node] * load(at + node * LANES);
        return value;
    }

  private:
    static constexpr int64_t BLOCK = (NODES + 2) * LANES, MOST_STAYING = 1024;
    const int64_t skills;
    int64_t slots = 0;
    Numbers numbers;
    std::vector<int64_t> filled;
    const double *opening = nullptr, *at_edges = nullptr, *here = nullptr;
    const Cascade<Law> *cascade = nullptr;
};
