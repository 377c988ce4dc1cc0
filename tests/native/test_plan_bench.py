"""The planner's benchmark keeps running: one small row of it, peers included where installed."""

from tests.bench import plan as bench


def test_a_row_of_the_benchmark_checks_its_own_answers():
    row = bench._row(12, 48, 1800)
    assert 0 <= row["gap"] <= bench.GAP
    assert row["lower_bound"] <= row["optimum"] <= row["objective"] * (1 + 1e-6)
    assert min(row["cold_ratio"], row["warm_ratio_to_cold"], row["warm_ratio_to_warm"]) > 0
    assert 0 < row["rows_tight"] < 1
    assert bench.words({"rows": [row], "summary": bench._summary([row]), "random": {}})


def test_the_random_part_counts_iterations():
    found = bench._random(3)
    assert 0 < found["iterations_median"] <= found["iterations_most"] < bench.MOST_ITERATIONS
