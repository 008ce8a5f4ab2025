"""How large a graph may be that comes from a file, so that no file takes more time or memory than is bearable."""

MOST_SKILLS = 500_000
MOST_EDGES = 1_000_000
# prerequisites are padded to the largest number that one skill has: entries of the padded array
MOST_PADDED = 12_000_000
MOST_COLUMNS = 10_000
# gzip and zip pack a thousandfold
MOST_UNPACKED = 32 * 2**20
