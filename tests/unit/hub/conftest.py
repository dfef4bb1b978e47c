"""JupyterHub's own records, in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jupyterhub import orm, roles
from jupyterhub.user import UserDict
from sqlalchemy import create_engine
from sqlalchemy.orm import Session


@pytest.fixture(scope="module")
def database() -> Iterator[Session]:
    """The hub's, in memory."""
    # Not by JupyterHub's own factory: it asks alembic for the revision, which takes seconds.
    engine = create_engine("sqlite:///:memory:")
    orm.Base.metadata.create_all(engine)
    session = Session(engine)
    session.add(orm.OAuthClient(identifier="jupyterhub"))
    for role in roles.get_default_roles():
        roles.create_role(session, role)
    yield session
    session.close()
    engine.dispose()


@pytest.fixture
def users(database: Session) -> Iterator[UserDict]:
    """Nobody is there yet."""
    yield UserDict(lambda: database, {})
    for kind in (orm.APIToken, orm.User, orm.Group):
        for record in database.query(kind):
            database.delete(record)
    database.commit()
