// WIDTH numbers at a time, and exponentials of them (as in `special`). Included once a kind of processor.

constexpr int64_t LANES = WIDTH;
typedef double Real;
typedef double Vector __attribute__((vector_size(8 * WIDTH)));
typedef int64_t Integers __attribute__((vector_size(8 * WIDTH)));
typedef uint64_t Naturals __attribute__((vector_size(8 * WIDTH)));
typedef float Singles __attribute__((vector_size(4 * WIDTH)));
typedef double Unaligned __attribute__((vector_size(8 * WIDTH), aligned(8), may_alias));
typedef float UnalignedSingles __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

INLINE Vector load(const double *from) { return *reinterpret_cast<const Unaligned *>(from); }
INLINE Vector load(const float *from) {
    return __builtin_convertvector(*reinterpret_cast<const UnalignedSingles *>(from), Vector);
}
INLINE void store(double *to, Vector x) { *reinterpret_cast<Unaligned *>(to) = x; }
INLINE void store(float *to, Vector x) {
    *reinterpret_cast<UnalignedSingles *>(to) = __builtin_convertvector(x, Singles);
}
INLINE Vector all(double x) { return x - Vector{}; }
// What a function says of each lane.
template <class Each>
INLINE Vector by_lane(const Each &each) {
    Vector found;
#pragma GCC unroll 8
    for (int64_t lane = 0; lane < LANES; lane++) found[lane] = each(lane);
    return found;
}
INLINE Vector larger(Vector a, Vector b) { return a > b ? a : b; }
INLINE Vector smaller(Vector a, Vector b) { return a < b ? a : b; }
INLINE Vector magnitude(Vector x) { return x < 0 ? -x : x; }
INLINE Vector root(Vector x) {
    return by_lane([&](int64_t lane) { return std::sqrt(x[lane]); });
}
INLINE double first(Vector x) { return x[0]; }
// Of all lanes, pairs first.
template <class Both>
INLINE double folded(Vector x, const Both &both) {
#pragma GCC unroll 3
    for (int64_t count = LANES / 2; count > 0; count /= 2)
#pragma GCC unroll 4
        for (int64_t lane = 0; lane < count; lane++) x[lane] = both(x[2 * lane], x[2 * lane + 1]);
    return x[0];
}
INLINE double sum(Vector x) {
    return folded(x, [](double a, double b) { return a + b; });
}
INLINE double largest(Vector x) {
    return folded(x, [](double a, double b) { return std::max(a, b); });
}

// Whether a comparison holds in any lane.
INLINE bool any(Integers lanes) {
    int64_t found = 0;
#pragma GCC unroll 8
    for (int64_t lane = 0; lane < LANES; lane++) found |= lanes[lane];
    return found != 0;
}

// e^-45 of anything is below rounding
constexpr double DONE = 45.0;
// a search whose next change would be of the order of its square has found its place
constexpr double SETTLED = 1e-9;
constexpr double TINY = std::numeric_limits<double>::min(), HUGE_NUMBER = std::numeric_limits<double>::max();
// the relative error that sums have at least
constexpr double ROUNDING = 4 * std::numeric_limits<double>::epsilon();

constexpr double LARGEST = 700.0;  // e^-700 is still a normal number
constexpr double SHIFT = 1.5 * 4503599627370496.0;
constexpr double INVERSE_LN2 = 1.4426950408889634, LN2_HIGH = 0.693147180369123816490,
                 LN2_LOW = 1.90821492927058770002e-10;
// (e^r - 1)/r for |r| <= ln(2)/2, interpolated at Chebyshev's points: to 3e-17, and to 5e-7
constexpr double GROWTH[] = {1.0,
                             0.5000000000000006,
                             0.1666666666666667,
                             0.041666666666573066,
                             0.008333333333326136,
                             0.001388888893251478,
                             0.00019841269874820627,
                             2.480150431378554e-05,
                             2.7557255400206422e-06,
                             2.7626371065696354e-07,
                             2.5105217004720745e-08};
constexpr double ROUGH_GROWTH[] = {1.0, 0.49999371887106436, 0.16666576989698775, 0.04187568633968518,
                                   0.008363179052722578};

// 2^-k and 2^-k (e^-r - 1) with x = k ln 2 + r, for x >= 0
template <int TERMS>
INLINE void split(Vector x, const double (&growth)[TERMS], Vector &power, Vector &rest) {
    x = x > LARGEST ? all(LARGEST) : x;  // NaN stays
    // the last bits of the shifted number are the nearest whole number
    const Vector shifted = x * INVERSE_LN2 + SHIFT;
    const Vector k = shifted - SHIFT;
    const Vector r = (k * LN2_HIGH - x) + k * LN2_LOW;
    Vector s = all(growth[TERMS - 1]);
#pragma GCC unroll 16
    for (int term = TERMS - 2; term >= 0; term--) s = growth[term] + r * s;
    power = reinterpret_cast<Vector>((1023 - reinterpret_cast<Integers>(shifted)) << 52);
    rest = power * (s * r);
}

// e^-x for x >= 0
INLINE Vector decay(Vector x) {
    Vector power, rest;
    split(x, GROWTH, power, rest);
    return power + rest;
}

// 1 - e^-x for x >= 0, without cancellation
INLINE Vector saturation(Vector x) {
    Vector power, rest;
    split(x, GROWTH, power, rest);
    return (1.0 - power) - rest;
}

INLINE Vector rough_saturation(Vector x) {
    Vector power, rest;
    split(x, ROUGH_GROWTH, power, rest);
    return (1.0 - power) - rest;
}

// e^x - 1 for 0 <= x <= 700
INLINE Vector growth(Vector x) {
    Vector power, rest;
    split(x, GROWTH, power, rest);
    return ((1.0 - power) - rest) / (power + rest);
}

// y >= 1 as 2^k m with m between the roots of 1/2 and 2: k, and m - 1
INLINE void whole_and_rest(Vector y, Vector &whole, Vector &rest) {
    const Integers bits = reinterpret_cast<Integers>(y);
    // never negative, so that a shift without sign does
    const Integers k = reinterpret_cast<Integers>(reinterpret_cast<Naturals>(bits - 0x3FE6A09E667F3BCD) >> 52);
    whole = reinterpret_cast<Vector>(k + reinterpret_cast<Integers>(all(SHIFT))) - SHIFT;
    rest = reinterpret_cast<Vector>(bits - (k << 52)) - 1.0;
}

// ln((1 + s)/(1 - s)) + k ln 2 for |s| < 0.1716, and on top of it what is small
INLINE Vector log_by_series(Vector whole, Vector s, Vector small) {
    const Vector q = s * s;
    Vector series = all(2.0 / 19);
#pragma GCC unroll 10
    for (int n = 17; n >= 3; n -= 2) series = series * q + 2.0 / n;
    return whole * LN2_HIGH + (2.0 * s + (s * q * series + (whole * LN2_LOW + small)));
}

// ln(1 + x) for x >= 0, the rounding error of the sum put back; and 1/(1 + x). One division serves both: a quarter keeps
// its product below all numbers.
INLINE Vector log_of_one_more(Vector x, Vector &reciprocal) {
    const Vector y = 1.0 + x, lost = x - (y - 1.0);
    Vector whole, f;
    whole_and_rest(y, whole, f);
    const Vector quarter = 0.5 + 0.25 * f, both = 1.0 / (quarter * y);
    reciprocal = quarter * both;
    return log_by_series(whole, 0.25 * f * (y * both), lost * reciprocal);
}

INLINE Vector log_of_one_more(Vector x) {
    Vector reciprocal;
    return log_of_one_more(x, reciprocal);
}

// 1/x to 0.3% for x > 0: by its exponent, and a step of Newton's method
INLINE Vector rough_reciprocal(Vector x) {
    const Vector first = reinterpret_cast<Vector>(0x7FDE623822FC16E6 - reinterpret_cast<Integers>(x));
    return first * (2.0 - x * first);
}

// ln(1 + x) for x >= 0 to 1%
INLINE Vector rough_log_of_one_more(Vector x) {
    Vector whole, f;
    whole_and_rest(1.0 + x, whole, f);
    const Vector s = f * rough_reciprocal(2.0 + f);
    return x < 0.01 ? x : whole * LN2_HIGH + s * (2.0 + s * s * (2.0 / 3));
}

// e^l - 1 for the root l of l + e^l - 1 = z, z >= 0, to 1.3%
INLINE Vector rough_growth_of_margin(Vector z) { return z * (1.0 - 4.07 * rough_reciprocal(z + 8.14)); }

#include "margin.h"

// That root; where the rough one lies is made one less than a number, so that nothing is lost in its logarithm.
INLINE Vector margin(Vector z) {
    const Vector y = 1.0 + rough_growth_of_margin(z), excess = y - 1.0;
    Vector whole, f;
    whole_and_rest(y, whole, f);
    // one division for two quotients
    const Vector quarter = 0.5 + 0.25 * f, more = 2.0 + excess, both = 1.0 / (quarter * more);
    return margin_near(z, excess, log_by_series(whole, 0.25 * f * (more * both), all(0.0)), quarter * both);
}

INLINE double decay(double x) { return decay(all(x))[0]; }
INLINE double saturation(double x) { return saturation(all(x))[0]; }

// Memory on a line of the cache.
class Numbers {
  public:
    // room for so many; what was there is lost if it must grow
    void reserve(int64_t count) {
        if (count <= room) return;
        at.reset(), room = 0;
        at.reset(static_cast<double *>(::operator new[](sizeof(double) * static_cast<size_t>(count), LINE)));
        room = count;
    }
    operator double *() const { return at.get(); }

  private:
    static constexpr std::align_val_t LINE{64};
    struct Free {
        void operator()(double *x) const { ::operator delete[](x, LINE); }
    };
    std::unique_ptr<double, Free> at;
    int64_t room = 0;
};
