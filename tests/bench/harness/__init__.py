# SPDX-License-Identifier: Apache-2.0
"""The harness of `./run bench`: what the cases share. Standard library only, Python 3.9 or newer."""
