"""kazoo against a server: calls and recipes, as a transcript that any two servers must share.

Usage: main.py SUBJECT HOST:PORT
"""

import importlib
import logging
import sys

from room import Room, name_uuids_in_order


def main(subject, address):
    # What kazoo has to say of a connection that the server closes is no part of the transcript.
    logging.disable(logging.CRITICAL)
    name_uuids_in_order()
    room = Room(address)
    importlib.import_module(subject).run(room)
    room.close()


main(*sys.argv[1:])
