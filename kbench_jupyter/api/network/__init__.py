"""The transport of real life: pooled connections, proxies, certificates, and faults told apart.

Must never know what a request asks for, nor whether it may be sent again.
"""
