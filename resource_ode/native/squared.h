// Derivatives of the clock of "l2", which has no budget law: eta t = S(tau), the integral of
// R = sqrt(sum_j f_j^2 + N0^2), f_j = p_j c_j demand(z_j). What moves is an integral over the nodes of all panels:
// dS = int (sum_j f_j df_j + N0 dN0)/R. Of skills that are not self-paced, whose f would jump.

template <class Law>
class SquaredClock {
  public:
    using Place = typename ClockReader<Law>::Place;

    explicit SquaredClock(const Solver<Law> &solver) : rule(solver.rule), clock(solver) {}

    void open(const Cascade<Law> &cascade) {
        this->cascade = &cascade;
        clock.open(cascade, cascade.opening);
        sums.reserve(NODES * cascade.panels);
        std::fill_n(&sums[0], NODES * cascade.panels, 0.0);
    }

    // A place of a panel, and how far a resource time lies behind the last of them.
    Place at(int64_t panel, double place, double tau) const {
        Place found;
        clock.place_at(panel, place, found);
        found.beyond = std::max(tau - cascade->edges[cascade->panels], 0.0);
        return found;
    }
    double price(const Place &at) const { return clock.price_at(at, waste); }
    double spent(const Place &at) const { return clock.spent_at(at, waste); }

    // -- forward: sums are those of f df

    void add(int64_t node, Vector moves) { store(sums + node, load(sums + node) + moves); }

    // For a clock, whose waste moves.
    void move(double of_waste, double waste_moves) {
        const int64_t panels = cascade->panels;
        waste = of_waste, by_waste = waste_moves;
        clock.integrate(waste);
        local.resize(static_cast<size_t>(NODES * panels)), whole.resize(static_cast<size_t>(panels + 1));
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector values[NODES];
            for (int64_t n = 0; n < NODES; n++) {
                const int64_t node = n * panels + p;
                values[n] = over_root(load(sums + node) + waste * waste_moves, node);
                store(&local[static_cast<size_t>(node)], values[n]);
            }
            store_whole(p, load(cascade->half + p) * dot(rule.weights, values));
        }
        for (int64_t p = 0; p < panels; p++) whole[static_cast<size_t>(p + 1)] += whole[static_cast<size_t>(p)];
    }
    // How S moves at a place.
    double moved(const Place &at) const {
        double total = whole[static_cast<size_t>(at.panel)] + by_waste * at.beyond;
        for (int64_t n = 0; n < NODES; n++)
            total += at.weights[n][0] * local[static_cast<size_t>(n * cascade->panels + at.panel)];
        return total;
    }
    // And at the end of all panels.
    double moved_in_all() const { return whole[static_cast<size_t>(cascade->panels)]; }

    // -- backward: sums are cotangents of half the sum of the squares

    void begin(double of_waste) {
        waste = of_waste, by_waste = 0.0;
        clock.integrate(waste);
        local.assign(static_cast<size_t>(NODES * cascade->panels), 0.0);
        whole.assign(static_cast<size_t>(cascade->panels + 1), 0.0);
    }
    // A cotangent of S at a place, and at the end of all panels.
    void pull(const Place &at, double cotangent) {
        whole[static_cast<size_t>(at.panel)] += cotangent, by_waste += cotangent * at.beyond;
        for (int64_t n = 0; n < NODES; n++)
            local[static_cast<size_t>(n * cascade->panels + at.panel)] += cotangent * at.weights[n][0];
    }
    void pull_all(double cotangent) { whole[static_cast<size_t>(cascade->panels)] += cotangent; }
    // Once all are there: the cotangent of the waste.
    double finish() {
        const int64_t panels = cascade->panels;
        // what lies behind a panel counts in it as a whole
        double behind = 0.0;
        for (int64_t p = panels; p >= 0; p--) {
            const double own = whole[static_cast<size_t>(p)];
            whole[static_cast<size_t>(p)] = behind, behind += own;
        }
        Vector of_waste = all(0.0);
        for (int64_t p = 0; p < panels; p += LANES)
            for (int64_t n = 0; n < NODES; n++) {
                const int64_t node = n * panels + p;
                const Vector full = load(&whole[static_cast<size_t>(p)]) * load(cascade->half + p) * rule.weights[n];
                const Vector part = over_root(load(&local[static_cast<size_t>(node)]) + full, node);
                store(sums + node, load(sums + node) + part), of_waste += part * waste;
            }
        return by_waste + sum(of_waste);
    }

    const double *cotangents() const { return sums; }

  private:
    const Rule &rule;
    ClockReader<Law> clock;
    const Cascade<Law> *cascade = nullptr;
    Numbers sums;                      // (node, panel)
    std::vector<double> local, whole;  // (node, panel) and (edge,): of one clock
    double waste = 0.0, by_waste = 0.0;

    // Nothing where nothing is competed for.
    Vector over_root(Vector x, int64_t node) const {
        const Vector root = clock.at_nodes(node);
        return root > 0 ? x / (root > 0 ? root : all(1.0)) : all(0.0);
    }
    void store_whole(int64_t p, Vector x) {
        for (int64_t lane = 0; lane < LANES; lane++) whole[static_cast<size_t>(p + lane + 1)] = x[lane];
    }
};
