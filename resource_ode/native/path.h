// The pieces of one member, and how its clock goes through them: resource time where each starts, what is spent by then at
// its own waste, and what is there to spend in it.
struct Path {
    const double *rate, *waste, *start;
    size_t count;
    // by how much a small resource time is more expensive than in the piece before
    std::vector<double> at, paid, span, ratio;
    // what an error of the demand's integral may amount to in a piece, in units of that error; and what those at the
    // boundaries so far amount to
    std::vector<double> doubt, wrong;

    Path(const Pieced &given, int64_t row, int64_t group, int64_t clock)
        : rate(given.rate.at(row, group, clock)), waste(given.waste.at(row, group, clock)),
          start(given.start.at(row, group, clock)), count(static_cast<size_t>(given.pieces)) {}

    // Whether its numbers are such that there is a clock: under a trace nobody has looked.
    bool sound() const {
        for (size_t k = 0; k < count; k++) {
            const bool spends = rate[k] >= 0 && std::isfinite(rate[k]) && waste[k] >= 0 && std::isfinite(waste[k]);
            if (!spends || !std::isfinite(start[k]) || (k && start[k] < start[k - 1])) return false;
        }
        return true;
    }
    bool over(size_t k) const { return k + 1 == count; }

    double most_doubt() const {
        double most = 1.0;
        for (double own : doubt) most = std::max(most, own);
        return most;
    }

    void begin() {
        for (auto *each : {&at, &paid, &span, &ratio, &doubt, &wrong}) each->clear();
    }
    // Where a piece starts; at a boundary everything has the same place, but not the same price. `off`: how wrong the
    // integral may be there.
    void enter(double s, double spent, double available, double price, double off) {
        const double change = std::abs(price - 1), more = doubt.empty() ? 1.0 : 1 + change + price * (doubt.back() - 1);
        wrong.push_back(wrong.empty() ? 0.0 : change * off + price * wrong.back());
        at.push_back(s), paid.push_back(spent), span.push_back(available), ratio.push_back(price), doubt.push_back(more);
    }
    // The training step at which so much has been spent in a piece, or, to first order, before or after it.
    double step(size_t k, double more) const {
        while (more > span[k] && k + 1 < span.size()) more = (more - span[k]) * ratio[k + 1], k++;
        if (more > span[k]) return INFINITY;
        while (more < 0 && k > 0) more = more / ratio[k] + span[k - 1], k--;
        return rate[k] > 0 ? start[k] + std::max(more, 0.0) / rate[k] : more > 0 ? INFINITY : start[k];
    }
    // Where each piece starts, as many as there are; nothing of those that the clock does not come to.
    void put(double *to_at, double *to_paid) const {
        for (size_t k = 0; k < count; k++) {
            to_at[k] = k < at.size() ? at[k] : INFINITY;
            to_paid[k] = k < at.size() ? paid[k] : 0.0;
        }
    }

};
