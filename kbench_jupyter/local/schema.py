"""The tables, and how an older file becomes a newer one."""

from __future__ import annotations

_FIRST = """
CREATE TABLE tasks (
    slug TEXT PRIMARY KEY,
    is_public INTEGER NOT NULL DEFAULT 0,
    notebook_published INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    slug TEXT NOT NULL REFERENCES tasks (slug),
    version INTEGER NOT NULL,
    text TEXT NOT NULL,
    datasets TEXT NOT NULL DEFAULT '[]',
    state TEXT NOT NULL,
    error TEXT,
    create_time REAL NOT NULL,
    UNIQUE (slug, version)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    version_id INTEGER NOT NULL REFERENCES versions (id),
    model TEXT NOT NULL,
    state TEXT NOT NULL,
    queue_time REAL NOT NULL,
    start_time REAL,
    end_time REAL,
    error TEXT,
    result TEXT
);
CREATE INDEX runs_of_version ON runs (version_id, model);
CREATE INDEX runs_by_state ON runs (state);
CREATE TABLE processes (
    job TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    started REAL NOT NULL
);
CREATE TABLE model_ids (id INTEGER PRIMARY KEY AUTOINCREMENT, slug TEXT NOT NULL UNIQUE);
CREATE TABLE proxy_tokens (digest TEXT PRIMARY KEY, expires REAL NOT NULL, job TEXT);
"""

_CANDIDATES_PAGES_BENCHMARKS = """
DROP TABLE processes;
ALTER TABLE tasks ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE tasks ADD COLUMN artifacts_public INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN description TEXT;
ALTER TABLE versions ADD COLUMN provenance TEXT;
ALTER TABLE versions ADD COLUMN citations TEXT NOT NULL DEFAULT '[]';
ALTER TABLE runs ADD COLUMN effort TEXT NOT NULL DEFAULT '';
CREATE TABLE benchmarks (id INTEGER PRIMARY KEY AUTOINCREMENT, slug TEXT NOT NULL UNIQUE);
CREATE TABLE benchmark_tasks (
    benchmark_id INTEGER NOT NULL REFERENCES benchmarks (id),
    version_id INTEGER NOT NULL REFERENCES versions (id),
    PRIMARY KEY (benchmark_id, version_id)
);
"""

_AGENTS = """
ALTER TABLE runs ADD COLUMN agent TEXT NOT NULL DEFAULT '';
"""

STEPS = (_FIRST, _CANDIDATES_PAGES_BENCHMARKS, _AGENTS)
"""What makes each version of the file from the one before; the first makes it from an empty one."""
VERSION = len(STEPS)
