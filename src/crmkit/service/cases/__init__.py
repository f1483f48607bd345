"""Cases: what customers want from service.

::

    case.py      what a case is, and what happens to it
    handling.py  open, assign, update, promise something else
    moving.py    move on, wait, resolve, close, reopen
    talking.py   messages, replies, notes, calls
    joining.py   merge, split, link, put one below another
    line.py      what a repair, a return or an exchange is about; checking.py adds and decides lines
    timing.py    what the clocks show, and why
    merged.py    where a merged case went on
    history.py   what happened, as the clocks see it
    keeping.py   due times and the agenda, after every change
    desk.py      crm.service.cases
"""
