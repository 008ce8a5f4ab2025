// Where a window of a long run begins, and what it hands on to the next.

// What a skill is in a window: computed, and then open or shut to within what can matter up to its end; or not computed,
// since what it waits for is shut.
enum : uint8_t { OPEN, SHUT, IDLE };
// a gate below this decides nothing: what learns behind it would need longer than any run has
constexpr double NOTHING = 1e-120;

struct Since {
    // of the clock: its error, the integral of the demand of which the clock is made, what has been spent, how far that is
    // off balance and the largest share at the last node, the largest error that has entered, and what jumps of
    // self-paced skills may do
    struct Clock {
        double late = 0.0, integral = 0.0, paid = 0.0, last = 0.0, share = 1.0, entered = 0.0, jumps = 0.0;
    };
    std::vector<double> exposure, off, wrong;  // (skill,): there, by how much it may be wrong, and the latter at the end
    std::vector<uint8_t> state;
    double before = 0.0, idle = 0.0;  // what all had left to learn at the start of all, and what those that idle have
    Clock begin, end;
};

// Whether a gate is shut at an exposure, to within what can matter.
template <class Law>
bool shut(const Graph<Law> &graph, int64_t s, double exposure) {
    return graph.exponent * graph.law.depth(all(graph.paces[s].effort(exposure)))[0] <= NOTHING;
}

// Whether a skill need not be computed in the window of a cascade, since it waits for what is shut. Where it is computed,
// what it reads of such skills is filled in.
template <class Cascade, class Law>
bool idles(Cascade &cascade, const Graph<Law> &graph, int64_t s, bool kinked) {
    Since &since = *cascade.since;
    bool some = false, every = true;
    for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
        const bool closed = since.state[graph.behind[f]] != OPEN && (graph.strength.empty() || graph.strength[f] == 1);
        some = some || closed, every = every && closed;
    }
    if (graph.count(s) && (graph.either[s] ? every : some) && shut(graph, s, since.exposure[s])) {
        Vector part, more;
        graph.law.demand_and_rest(all(graph.paces[s].effort(since.exposure[s])), part, more);
        since.state[s] = IDLE, since.idle += more[0];
        return true;
    }
    const int64_t panels = cascade.panels, stride = cascade.stride;
    for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
        const int64_t b = graph.behind[f];
        if (since.state[b] != IDLE) continue;
        since.state[b] = SHUT, since.wrong[b] = since.off[b];
        for (Numbers *each : {&cascade.opening, &cascade.gates}) std::fill_n(*each + b * NODES * panels, NODES * panels, 0.0);
        std::fill_n(cascade.relative + b * panels, panels, 0.0), std::fill_n(cascade.off + b * panels, panels, since.off[b]);
        std::fill_n(cascade.at_edges + b * stride, stride, since.exposure[b]);
        if (kinked) std::fill_n(cascade.gates_at_edges + b * stride, stride, 0.0);
    }
    return false;
}

// A skill that waits for no gate any more, or never did: from where it was, as wrong as it was.
template <class Cascade>
void go_on(Cascade &cascade, int64_t s) {
    Since &since = *cascade.since;
    const int64_t panels = cascade.panels, stride = cascade.stride;
    double *x = cascade.at_edges + s * stride;
    const double wrong = since.wrong[s] = since.off[s];
    for (int64_t p = 0; p < stride; p++) x[p] = since.exposure[s] + (cascade.edges[std::min(p, panels)] - cascade.edges[0]);
    for (int64_t p = 0; p < panels; p++) {
        cascade.off[s * panels + p] = wrong;
        cascade.relative[s * panels + p] = x[p + 1] > 0 ? std::min(wrong / x[p + 1], 1.0) : 0.0;
    }
}
