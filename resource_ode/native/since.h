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
