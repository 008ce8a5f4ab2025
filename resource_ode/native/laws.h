// How effort z becomes what else is asked of it: the two losses (as `loss.py`), by what a cascade needs.
//
// `depth` is -ln u, `demand` the part of a skill that is left to learn, `progress` what the budget law counts;
// d progress/dz = demand. Gates are 1 - exp(-a depth).

struct MeanSquaredError {
    static inline Vector depth(Vector z) { return z; }
    static inline Vector depth_slope(Vector) { return all(1.0); }
    static inline Vector demand(Vector z) { return decay(z); }
    static inline Vector progress(Vector z) { return saturation(z); }
    static inline Vector level(Vector z) { return saturation(z); }
    // minus the progress, up to a constant: what is left of it
    static inline void demand_and_rest(Vector z, Vector &demand, Vector &rest) { demand = rest = decay(z); }
    // whether progress has an end, and with it a run
    static constexpr bool HAS_END = true;
    static double effort_of_progress(double progress) { return -std::log1p(-progress); }
    static double effort_at(double level) { return level == 0 ? 0.0 : -std::log1p(-level); }
    static double effort_slope(double level) { return 1 / (1 - level); }
    static double effort_of_depth(double depth) { return depth; }
    // whether what comes after an effort no longer counts: in an opening with the gate exponent a, in the demand
    static bool through(double a, double z) { return a * z > DONE; }
    static bool learned(double z) { return z > DONE; }
};

struct CrossEntropy {
    // e^margin - 1
    static inline Vector grown(Vector z) { return z - margin(z); }
    static inline Vector depth(Vector z) { return log_of_one_more(grown(z) * 0.5); }
    static inline Vector depth_slope(Vector z) {
        const Vector w = grown(z), both = 2.0 + w;
        return (1.0 + w) / (both * both);
    }
    static inline Vector demand(Vector z) { return 1.0 / (2.0 + grown(z)); }
    static inline Vector progress(Vector z) { return margin(z); }
    static inline Vector level(Vector z) {
        const Vector w = grown(z > MOST_GROWN ? all(MOST_GROWN) : z);  // NaN stays
        return w / (2.0 + w);
    }
    static constexpr double MOST_GROWN = 1e300;
    static inline void demand_and_rest(Vector z, Vector &demand, Vector &rest) {
        const Vector own = margin(z);
        demand = 1.0 / (2.0 + (z - own)), rest = -own;
    }
    static constexpr bool HAS_END = false;
    static double effort_of_progress(double margin) { return margin + std::expm1(margin); }
    static double effort_at(double level) {
        const double margin = 2 * std::atanh(level);
        return margin + std::expm1(margin);
    }
    static double effort_slope(double level) {
        // d margin/d level = 2/(1 - level^2), 1 + e^margin = 2/(1 - level)
        return 4 / ((1 - level) * (1 - level) * (1 + level));
    }
    static double effort_of_depth(double depth) {
        return 2 * std::exp(std::min(depth, 0.8 * std::log(HUGE_NUMBER))) + depth;
    }
    static bool through(double, double) { return false; }
    static bool learned(double) { return false; }
};
