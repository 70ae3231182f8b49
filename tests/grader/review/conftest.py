"""A batch, and a browser that knows its key."""

import pytest

from tests.grader.review.batch import Browser, graded_batch


@pytest.fixture
def desk(course, tmp_path):
    return graded_batch(course, tmp_path)


@pytest.fixture
def browser(desk):
    return Browser(desk)
