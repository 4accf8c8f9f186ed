"""Executors: where jobs are carried out. The queue says which job goes when; an executor says how it ended.

======================================  ======================================================================
``work``                                what queue and executors agree on
``processes``, ``runners``              on this machine
``templates``                           what processes are forked off, here and on a worker
``cluster``                             on a Dask cluster: which job goes over which connection
``link``, ``pursuit``                   the connection to the scheduler, and one job as the server follows it
``new_cluster``, ``address``            a cluster on this machine, and where one is as the user says it
``workplace``, ``worker_job``           on a worker: its jobs, and one job there
``worker_proxy``                        on a worker: the model proxy
``keepers``, ``keeper``                 on a worker: above each runner, what ends all that a task has started
======================================  ======================================================================

This room must never know the wire. Dask is imported by the middle rows alone, when a cluster is named.
"""
