// How effort z becomes what else is asked of it: the losses (as `loss.py`), by what a cascade needs.
//
// `depth` is -ln u, `demand` the part of a skill that is left to learn, `progress` what the budget law counts;
// d progress/dz = demand. Gates are 1 - exp(-a depth). A graph has a law of its own, which may have a number: `read`.
// Derivatives by it, the effort fixed, end in `_by_plateau`; a law without it, which is not SLOW, needs none.

struct WithoutPlateau {
    static constexpr bool SLOW = false;
    SHARED static inline Vector depth_by_plateau(Vector) { return all(0.0); }
    SHARED static inline Vector progress_by_plateau(Vector) { return all(0.0); }
    SHARED static inline Vector demand_by_plateau(Vector) { return all(0.0); }
    SHARED static double effort_by_plateau(double) { return 0.0; }
};

struct MeanSquaredError : WithoutPlateau {
    SHARED void read(double) {}
    SHARED static inline Vector depth(Vector z) { return z; }
    SHARED static inline Vector rough_depth(Vector z) { return z; }
    SHARED static inline Vector depth_slope(Vector) { return all(1.0); }
    SHARED static inline Vector demand(Vector z) { return decay(z); }
    SHARED static inline Vector demand_slope(Vector z) { return -decay(z); }
    SHARED static inline Vector progress(Vector z) { return saturation(z); }
    SHARED static inline Vector level(Vector z) { return saturation(z); }
    // minus the progress, up to a constant: what is left of it
    SHARED static inline void demand_and_rest(Vector z, Vector &demand, Vector &rest) { demand = rest = decay(z); }
    static constexpr bool AT_ONCE = false;
    // whether progress has an end, and with it a run
    static constexpr bool HAS_END = true;
    SHARED static double effort_of_progress(double progress) { return -std::log1p(-progress); }
    SHARED static double effort_at(double level) { return level == 0 ? 0.0 : -std::log1p(-level); }
    SHARED static double effort_slope(double level) { return 1 / (1 - level); }
    SHARED static double effort_of_depth(double depth) { return depth; }
    // whether what comes after an effort no longer counts: in an opening with the gate exponent a, in the demand
    SHARED static bool through(double a, double z) { return a * z > DONE; }
    SHARED static bool learned(double z) { return z > DONE; }
    // whether demand grows before it falls, and log-depth faster than effort
    static constexpr bool GROWS = false;
    SHARED static inline Vector steepness(Vector) { return all(1.0); }
    SHARED static inline Vector largest_demand(Vector first, Vector) { return demand(first); }
};

// Mean squared error with a plateau epsilon: u = e^-z/(e^-z + epsilon (1 - e^-z)).
struct SlowStart {
    double plateau = 1.0, log_plateau = 0.0, peak = 0.0;

    SHARED void read(double epsilon) {
        plateau = epsilon, log_plateau = std::log(epsilon);
        // demand is largest at u = 1/(2 (1 - epsilon)), where that is below 1
        peak = effort_of_depth(std::log(std::max(2 * (1 - epsilon), 1.0)));
    }
    // e^-z/u
    SHARED inline Vector scale(Vector z) const { return decay(z) + plateau * saturation(z); }
    SHARED inline Vector depth(Vector z) const {
        // the first form ends with the exponentials
        return z > 600.0 ? z + log_plateau : log_of_one_more(plateau * saturation(z) / decay(z));
    }
    SHARED inline Vector rough_depth(Vector z) const { return depth(z); }
    SHARED inline Vector depth_slope(Vector z) const { return plateau / scale(z); }
    SHARED inline Vector demand(Vector z) const {
        const Vector own = scale(z);
        return plateau * decay(z) / (own * own);
    }
    SHARED inline Vector demand_slope(Vector z) const {
        return demand(z) * (2 * (1 - plateau) * (decay(z) / scale(z)) - 1.0);
    }
    SHARED inline Vector progress(Vector z) const { return plateau * saturation(z) / scale(z); }
    static constexpr bool SLOW = true;
    SHARED inline Vector depth_by_plateau(Vector z) const { return saturation(z) / scale(z); }
    SHARED inline Vector progress_by_plateau(Vector z) const {
        const Vector own = scale(z);
        return decay(z) / own * (saturation(z) / own);
    }
    SHARED inline Vector demand_by_plateau(Vector z) const {
        const Vector own = scale(z);
        return decay(z) / own * ((decay(z) - plateau * saturation(z)) / own) / own;
    }
    SHARED double effort_by_plateau(double level) const { return -level / (plateau * (plateau * (1 - level) + level)); }
    SHARED inline void demand_and_rest(Vector z, Vector &demand, Vector &rest) const {
        const Vector own = scale(z);
        rest = decay(z) / own, demand = rest * plateau / own;
    }
    static constexpr bool AT_ONCE = false, HAS_END = true;
    SHARED double effort_of_progress(double progress) const { return effort_at(progress); }
    SHARED double effort_at(double level) const {
        // below 0 it only has to be negative
        return level == 0 ? 0.0 : level < 0 ? level : std::log1p(level / (plateau * (1 - level)));
    }
    SHARED double effort_slope(double level) const { return 1 / ((1 - level) * (plateau * (1 - level) + level)); }
    SHARED double effort_of_depth(double depth) const {
        return depth + std::log1p((1 / plateau - 1) * -std::expm1(-depth));
    }
    SHARED bool through(double a, double z) const { return a * (z + log_plateau) > DONE; }
    SHARED bool learned(double z) const { return z + log_plateau > DONE; }
    static constexpr bool GROWS = true;
    SHARED inline Vector steepness(Vector z) const {
        const Vector own = depth(z);
        return own > 0 ? larger(z * depth_slope(z) / own, all(1.0)) : all(1.0);
    }
    SHARED inline Vector largest_demand(Vector first, Vector last) const {
        const Vector most = all(peak);
        return demand(most < first ? first : most > last ? last : most);
    }
};

struct CrossEntropy : WithoutPlateau {
    SHARED void read(double) {}
    // e^margin - 1
    SHARED static inline Vector grown(Vector z) { return z - margin(z); }
    SHARED static inline Vector depth(Vector z) { return log_of_one_more(grown(z) * 0.5); }
    SHARED static inline Vector rough_depth(Vector z) { return rough_log_of_one_more(rough_growth_of_margin(z) * 0.5); }
    SHARED static inline Vector depth_slope(Vector z) {
        const Vector w = grown(z), both = 2.0 + w;
        return (1.0 + w) / (both * both);
    }
    SHARED static inline Vector demand(Vector z) { return 1.0 / (2.0 + grown(z)); }
    SHARED static inline Vector demand_slope(Vector z) { return -demand(z) * depth_slope(z); }
    SHARED static inline Vector progress(Vector z) { return margin(z); }
    SHARED static inline Vector level(Vector z) {
        const Vector w = grown(z > MOST_GROWN ? all(MOST_GROWN) : z);  // NaN stays
        return w / (2.0 + w);
    }
    // whether one margin is worth more than two ways through the panels
    static constexpr bool AT_ONCE = true;
    static constexpr double MOST_GROWN = 1e300;
    SHARED static inline void demand_and_rest(Vector z, Vector &demand, Vector &rest) {
        const Vector own = margin(z);
        demand = 1.0 / (2.0 + (z - own)), rest = -own;
    }
    // all that one margin tells
    SHARED static inline Vector depth_demand_and_rest(Vector z, Vector &demand, Vector &rest) {
        const Vector own = margin(z), depth = log_of_one_more((z - own) * 0.5, demand);
        demand *= 0.5, rest = -own;
        return depth;
    }
    static constexpr bool HAS_END = false;
    SHARED static double effort_of_progress(double margin) { return margin + std::expm1(margin); }
    SHARED static double effort_at(double level) {
        const double margin = 2 * std::atanh(level);
        return margin + std::expm1(margin);
    }
    SHARED static double effort_slope(double level) {
        // d margin/d level = 2/(1 - level^2), 1 + e^margin = 2/(1 - level)
        return 4 / ((1 - level) * (1 - level) * (1 + level));
    }
    SHARED static double effort_of_depth(double depth) {
        return 2 * std::exp(std::min(depth, 0.8 * std::log(HUGE_NUMBER))) + depth;
    }
    SHARED static bool through(double, double) { return false; }
    SHARED static bool learned(double) { return false; }
    static constexpr bool GROWS = false;
    SHARED static inline Vector steepness(Vector) { return all(1.0); }
    SHARED static inline Vector largest_demand(Vector first, Vector) { return demand(first); }
};
