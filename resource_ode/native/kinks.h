// Where the largest of some gates changes ("any"): there an opening has a kink, which hides between two nodes.

struct Kink {
    double place, weight;  // in resource time; how much it matters
};

// The gates that one skill waits for, a vector of panels at a time, and what the integral of their maximum may miss.
class Leaders {
  public:
    const double *gates, *at_edges;  // (skill, node, panel), (skill, edge)
    const int64_t *before;
    const double *strength;  // how much each counts; none where all count wholly
    int64_t count, panels, stride;

    // Adds to `missed` of a vector of panels, from the one at `p` on (`cascade._missed_at_kinks`).
    void look(const Rule &rule, const double *edges, const double *half, int64_t p, double *missed,
              std::vector<Kink> &kinks) const {
        Vector first = leader(-1, p), same = all(0.0);
        for (int64_t node = 0; node <= NODES; node++) same = leader(node, p) == first ? same : all(1.0);
        for (int64_t lane = 0; lane < LANES; lane++)
            if (same[lane] != 0) look_at(rule, edges, half, p + lane, missed[lane], kinks);
    }

  private:
    double gate(int64_t f, int64_t node, int64_t p) const { return gates_at(f, node, p)[0]; }
    Vector gates_at(int64_t f, int64_t node, int64_t p) const {
        const Vector own = load(gates_of(f, node, p));
        return strength ? (1.0 - strength[f]) + strength[f] * own : own;
    }
    const double *gates_of(int64_t f, int64_t node, int64_t p) const {
        const int64_t b = before[f];
        if (node < 0 || node == NODES) return at_edges + b * stride + p + (node < 0 ? 0 : 1);
        return gates + (b * NODES + node) * panels + p;
    }

    Vector leader(int64_t node, int64_t p) const {
        Vector most = gates_at(0, node, p), found = all(0.0);
        for (int64_t f = 1; f < count; f++) {
            const Vector other = gates_at(f, node, p);
            const Integers ahead = other > most;
            most = ahead ? other : most, found = ahead ? all(static_cast<double>(f)) : found;
        }
        return found;
    }

    int64_t leader_at(int64_t node, int64_t p) const {
        int64_t first = 0;
        for (int64_t f = 1; f < count; f++)
            if (gate(f, node, p) > gate(first, node, p)) first = f;
        return first;
    }

    void look_at(const Rule &rule, const double *edges, const double *half, int64_t p, double &missed,
                 std::vector<Kink> &kinks) const {
        int64_t leader = leader_at(-1, p);
        for (int64_t node = 0; node <= NODES; node++) {
            const int64_t next = leader_at(node, p);
            if (next == leader) continue;
            // the lead of one place's winner over the next place's, here and there
            const double here = gate(leader, node - 1, p) - gate(next, node - 1, p);
            const double there = gate(next, node, p) - gate(leader, node, p);
            const double apart = half[p] * (rule.places[node + 1] - rule.places[node]), change = here + there;
            leader = next;
            if (!(change > 0)) continue;
            // next to an edge all nodes are on one side: wrong is only the sliver between the kink and the edge
            const double lead = node == 0 ? here : node == NODES ? there : change;
            missed += lead * (lead / change) * apart / 2;
            const double left = edges[p] + half[p] * (1 + rule.places[node]), place = left + apart * (here / change);
            if (here > 0 && there > 0) kinks.push_back({place, change / apart * place * place});
        }
    }
};

// Some edges with one at each kink, as many as fill vectors; those that matter most, if there are too many.
inline int64_t with_kinks(const double *base, int64_t panels, std::vector<Kink> &kinks, double quickest, int64_t most,
                          std::vector<double> &edges) {
    std::sort(kinks.begin(), kinks.end(), [](const Kink &a, const Kink &b) { return a.weight > b.weight; });
    const auto room = static_cast<size_t>(std::max<int64_t>(most - panels, 0));
    edges.assign(base, base + panels + 1);
    for (size_t k = 0; k < std::min(kinks.size(), room); k++)
        if (kinks[k].place > 0 && kinks[k].place < base[panels]) edges.push_back(kinks[k].place);
    std::sort(edges.begin(), edges.end());
    const auto twice = [](double a, double b) { return b - a <= 1e-12 * b; };
    edges.erase(std::unique(edges.begin(), edges.end(), twice), edges.end());
    edges.back() = base[panels];
    while ((edges.size() - 1) % LANES) {
        size_t widest = 0;
        double width = -1;
        for (size_t k = 0; k + 1 < edges.size(); k++) {
            const double own = std::log1p((edges[k + 1] - edges[k]) / (1 / quickest + edges[k]));
            if (own > width) width = own, widest = k;
        }
        const double middle = edges[widest] + (edges[widest + 1] - edges[widest]) / 2;
        edges.insert(edges.begin() + static_cast<int64_t>(widest) + 1, middle);
    }
    return static_cast<int64_t>(edges.size()) - 1;
}
