BEGIN TRANSACTION;
CREATE TABLE model_ids (id INTEGER PRIMARY KEY AUTOINCREMENT, slug TEXT NOT NULL UNIQUE);
INSERT INTO "model_ids" VALUES(1,'smollm2-135m-instruct');
CREATE TABLE processes (
    job TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    started REAL NOT NULL
);
CREATE TABLE proxy_tokens (digest TEXT PRIMARY KEY, expires REAL NOT NULL, job TEXT);
INSERT INTO "proxy_tokens" VALUES('310eecba40bedcaf6bb3cdc2a2a67cd24307d2710af9c0d40887cd9f99f8448a',1.7959890972189049721e+09,'run-3');
INSERT INTO "proxy_tokens" VALUES('865f2a5fc925d2168910935409ca692b4dc41c7fcb174b05979b0d5d605407fb',1.79599263723548436167e+09,NULL);
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
INSERT INTO "runs" VALUES(1,1,'smollm2-135m-instruct','COMPLETED',1.79598541455515646938e+09,1.79598541457148075102e+09,1.79598541985113883011e+09,NULL,'{"numericResult": {"value": 0.84312}}');
INSERT INTO "runs" VALUES(2,2,'smollm2-135m-instruct','ERRORED',1.79598542467968559262e+09,1.79598542468735766406e+09,1.79598543059722423557e+09,'Cell 1, line 3 failed:
---------------------------------------------------------------------------
ValueError                                Traceback (most recent call last)
Cell In[1], line 3
      1 import json
      2 import os
----> 3 if os.path.exists(os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.environ["HOME"]))), "fail")): raise ValueError("no")
      4 json.dump({"name": ''Old Task''}, open(''Old Task'' + ".task.json", "w"))
      5 json.dump({"taskVersion": {"name": ''Old Task''}, "modelVersion": {"slug": ''huggingfacetb/smollm2-135m-instruct''},
      6            "state": "BENCHMARK_TASK_RUN_STATE_COMPLETED", "results": [{"booleanResult": True}]},

ValueError: no',NULL);
INSERT INTO "runs" VALUES(3,3,'smollm2-135m-instruct','RUNNING',1.7959854371317322254e+09,1.7959854371551332474e+09,NULL,NULL,NULL);
INSERT INTO "runs" VALUES(4,2,'smollm2-135m-instruct','QUEUED',1.79598543716712450986e+09,NULL,NULL,NULL,NULL);
CREATE TABLE tasks (
    slug TEXT PRIMARY KEY,
    is_public INTEGER NOT NULL DEFAULT 0,
    notebook_published INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "tasks" VALUES('old-task',1,0);
INSERT INTO "tasks" VALUES('endless',0,0);
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
INSERT INTO "versions" VALUES(1,'old-task',1,'{
 "cells": [
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "1c4443ef",
   "metadata": {},
   "outputs": [],
   "source": [
    "\n",
    "import json\n",
    "\n",
    "json.dump({\"name\": ''Old Task''}, open(''Old Task'' + \".task.json\", \"w\"))\n",
    "json.dump({\"taskVersion\": {\"name\": ''Old Task''}, \"modelVersion\": {\"slug\": ''huggingfacetb/smollm2-135m-instruct''},\n",
    "           \"state\": \"BENCHMARK_TASK_RUN_STATE_COMPLETED\", \"results\": [{\"numericResult\": {\"value\": 0.84312}}]},\n",
    "          open(''Old Task'' + \"-run.run.json\", \"w\"))\n"
   ]
  }
 ],
 "metadata": {
  "kernelspec": {
   "display_name": "Python 3",
   "language": "python",
   "name": "python3"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}','[]','COMPLETED',NULL,1.79598540652415633199e+09);
INSERT INTO "versions" VALUES(2,'old-task',2,'{
 "cells": [
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "299f0414",
   "metadata": {},
   "outputs": [],
   "source": [
    "\n",
    "import json\n",
    "import os\n",
    "if os.path.exists(os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.environ[\"HOME\"]))), \"fail\")): raise ValueError(\"no\")\n",
    "json.dump({\"name\": ''Old Task''}, open(''Old Task'' + \".task.json\", \"w\"))\n",
    "json.dump({\"taskVersion\": {\"name\": ''Old Task''}, \"modelVersion\": {\"slug\": ''huggingfacetb/smollm2-135m-instruct''},\n",
    "           \"state\": \"BENCHMARK_TASK_RUN_STATE_COMPLETED\", \"results\": [{\"booleanResult\": True}]},\n",
    "          open(''Old Task'' + \"-run.run.json\", \"w\"))\n"
   ]
  }
 ],
 "metadata": {
  "kernelspec": {
   "display_name": "Python 3",
   "language": "python",
   "name": "python3"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}','["a/b"]','COMPLETED',NULL,1.79598541987335252757e+09);
INSERT INTO "versions" VALUES(3,'endless',1,'{
 "cells": [
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "ce8289e1",
   "metadata": {},
   "outputs": [],
   "source": [
    "\n",
    "import json\n",
    "\n",
    "import os, pathlib, time\n",
    "created = pathlib.Path(os.environ[\"HOME\"]).parents[2] / \"created\"  # in the server''s own home\n",
    "if created.exists():\n",
    "    print(\"up\", flush=True)\n",
    "    time.sleep(600)\n",
    "created.touch()\n",
    "\n",
    "json.dump({\"name\": ''Endless''}, open(''Endless'' + \".task.json\", \"w\"))\n",
    "json.dump({\"taskVersion\": {\"name\": ''Endless''}, \"modelVersion\": {\"slug\": ''huggingfacetb/smollm2-135m-instruct''},\n",
    "           \"state\": \"BENCHMARK_TASK_RUN_STATE_COMPLETED\", \"results\": [{\"booleanResult\": True}]},\n",
    "          open(''Endless'' + \"-run.run.json\", \"w\"))\n"
   ]
  }
 ],
 "metadata": {
  "kernelspec": {
   "display_name": "Python 3",
   "language": "python",
   "name": "python3"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}','[]','COMPLETED',NULL,1.79598543068513059614e+09);
CREATE INDEX runs_of_version ON runs (version_id, model);
CREATE INDEX runs_by_state ON runs (state);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('versions',3);
INSERT INTO "sqlite_sequence" VALUES('runs',4);
INSERT INTO "sqlite_sequence" VALUES('model_ids',1);
COMMIT;
PRAGMA user_version = 1;
