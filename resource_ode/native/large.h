// Whether a row goes on one block of panels or by windows.

template <class Law>
class Large {
  public:
    explicit Large(Solver<Law> &solver) : solver(solver) {}

    // A row on one block of panels; by windows those of its gate exponents of which that is not enough, and all of a graph
    // of very many skills. `by_windows` (windows, group) says whether results are there, which `serves` then tells; `read`
    // makes ready for it without a solve. Returns the block, if there is one.
    template <class Block, class Read, class ByWindows>
    const Cascade<Law> *solve(const Block &block, const Read &read, const ByWindows &by_windows) {
        const Batch &batch = solver.batch;
        const bool first = batch.skills > MOST_AT_ONCE;
        const Cascade<Law> *solved = first ? nullptr : block();
        const auto groups = static_cast<size_t>(batch.groups);
        served.assign(groups, 0), errors = first ? std::vector<double>(groups, INFINITY) : solver.errors;
        if (!first && (!solved || solver.enough || batch.skills < FEWEST)) return solved;
        const std::vector<double> before = errors;
        bool all_served = true;
        if (read() && !solver.graph.order.empty()) {
            if (!windows) windows = std::make_unique<Windows<Law>>(batch, solver.rule);
            for (int64_t e = 0; e < batch.groups; e++) {
                const auto at = static_cast<size_t>(e);
                if (before[at] <= solver.graph.tolerance) continue;
                served[at] = by_windows(*windows, e);
                if (served[at]) errors[at] = windows->error;
            }
        }
        for (int64_t e = 0; e < batch.groups; e++) all_served = all_served && serves(e);
        // what windows cannot do either is left to those who look at the error
        if (first && !all_served) {
            solved = block();
            for (size_t e = 0; e < groups; e++) errors[e] = served[e] ? errors[e] : solver.errors[e];
        }
        solver.errors = errors;
        return solved;
    }

    bool serves(int64_t group) const { return served[static_cast<size_t>(group)] != 0; }
    bool any() const { return std::any_of(served.begin(), served.end(), [](uint8_t own) { return own != 0; }); }

  private:
    // from more skills on a block of panels takes longer than windows, or has no room; with fewer than the other number
    // the general solver does as well
    static constexpr int64_t MOST_AT_ONCE = 2048, FEWEST = 64;
    Solver<Law> &solver;
    std::unique_ptr<Windows<Law>> windows;
    std::vector<uint8_t> served;
    std::vector<double> errors;
};
