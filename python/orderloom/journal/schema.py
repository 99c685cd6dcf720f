"""Tables and views of a journal, and the way from each schema to the next.

One table holds all entries, in the order of writing, because one chain runs through them. The
views are for people with an ordinary `sqlite3`; nothing that can be computed is stored.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from orderloom.errors import OrderloomError

if TYPE_CHECKING:
    from collections.abc import Sequence

_TABLES = """
create table run (
  orderloom  text not null,     -- version that wrote this
  config     text not null,     -- the engine's configuration, JSON
  symbols    text not null,     -- names by index, JSON
  account    text not null,     -- masked
  started_at integer not null   -- UTC nanoseconds
);
create table entry (
  id   integer primary key,     -- 1, 2, 3 ...: a gap is a loss
  seq  integer not null,        -- number of the event
  n    integer not null,        -- place among the commands or notices of that event
  at   integer not null,        -- UTC nanoseconds of the event
  type text not null,           -- event, command, notice, or end of an orderly run
  kind text not null,
  body text not null,           -- JSON
  hash text not null            -- SHA-256 over the previous hash and this row
);
"""

_UTC = """
  strftime('%Y-%m-%dT%H:%M:%S', {0} / 1000000000, 'unixepoch')
  || printf('.%09dZ', {0} % 1000000000)
""".strip()


def _symbol(index: str) -> str:
    return f"(select json_extract(symbols, '$[' || {index} || ']') from run)"  # noqa: S608 - constants


_VIEWS = f"""
create view events as
select seq, at, {_UTC.format("at")} as at_utc, kind,
  {_symbol("json_extract(body, '$.symbol')")} as symbol, body
from entry where type = 'event';

create view commands as
select seq, n, at, {_UTC.format("at")} as at_utc, kind,
  {_symbol("coalesce(json_extract(body, '$.ticket.symbol'), json_extract(body, '$.symbol'))")}
    as symbol,
  coalesce(json_extract(body, '$.ticket.order_id'), json_extract(body, '$.order_id')) as order_id,
  body
from entry where type = 'command';

create view notices as
select seq, n, at, {_UTC.format("at")} as at_utc, kind,
  {_symbol("json_extract(body, '$.symbol')")} as symbol, body
from entry where type = 'notice';

-- Orders as first sent; `phase` is the engine's last word on each.
create view orders as
select sent.order_id, json_extract(body, '$.ticket.order_ref') as order_ref, symbol,
  json_extract(body, '$.ticket.side') as side, json_extract(body, '$.ticket.quantity') as quantity,
  json_extract(body, '$.role') as role, json_extract(body, '$.context') as context,
  json_extract(body, '$.ticket.order_type.type') as order_type,
  json_extract(body, '$.ticket.order_type.limit_price') as limit_price,
  json_extract(body, '$.ticket.order_type.stop_price') as stop_price,
  told.phase, sent.at_utc as sent_at, sent.seq
from commands as sent left join (
  -- SQLite takes `phase` from the row that has the maximum.
  select json_extract(body, '$.order_id') as order_id, json_extract(body, '$.phase') as phase,
    max(id)
  from entry where type = 'notice' and kind = 'order_changed' group by 1
) as told using (order_id)
where sent.kind = 'place';

create view fills as
select filled.seq, filled.at_utc, filled.symbol, json_extract(filled.body, '$.side') as side,
  json_extract(filled.body, '$.quantity') as quantity,
  json_extract(filled.body, '$.price') as price,
  json_extract(filled.body, '$.order_id') as order_id,
  json_extract(filled.body, '$.role') as role,
  json_extract(filled.body, '$.exec_id') as exec_id, paid.commission
from notices as filled left join (
  select json_extract(body, '$.exec_id') as exec_id, json_extract(body, '$.amount') as commission,
    max(id)
  from entry where type = 'notice' and kind = 'commission_paid' group by 1
) as paid on paid.exec_id = json_extract(filled.body, '$.exec_id')
where filled.kind = 'filled';

create view round_trips as
select json_extract(body, '$.context') as context, symbol, json_extract(body, '$.side') as side,
  json_extract(body, '$.quantity') as quantity,
  json_extract(body, '$.entry_price') as entry_price,
  json_extract(body, '$.exit_price') as exit_price,
  json_extract(body, '$.exit_reason') as exit_reason,
  json_extract(body, '$.tranches') as tranches, json_extract(body, '$.pnl') as pnl,
  json_extract(body, '$.commission') as commission,
  (select json_extract(config, '$.rules[' || json_extract(body, '$.rule') || '].name') from run)
    as rule,
  {_UTC.format("json_extract(body, '$.opened_at')")} as opened_at,
  {_UTC.format("json_extract(body, '$.closed_at')")} as closed_at
from notices where kind = 'context_concluded';
"""  # noqa: S608 - constants

_FOREVER = 2**63 - 1

_DAYS = """
-- The file before this one in its run, and where that ended, JSON; null in a run's first.
alter table run add column previous text;
-- The exchange's day that the file was begun for, YYYYMMDD; null in a run's first.
alter table run add column day integer;
-- The engine as it stood at an entry of type `snapshot`, whose body has the hash of this.
create table snapshot (
  id   integer primary key,     -- of the entry
  body text not null            -- JSON
);
create index entry_snapshot on entry (id) where type = 'snapshot';
-- Market data that was taken out of a day that is over, run by run of entries.
create table removed (
  first integer primary key,    -- id of the first entry
  last  integer not null,       -- id of the last one
  hash  text not null           -- of the last one: the next entry follows from it
);
-- When that was, by which version, and what: kinds of events, JSON, and how many.
create table compacted (
  at        integer not null,   -- UTC nanoseconds
  orderloom text not null,
  kinds     text not null,
  events    integer not null
);
"""

_RULES = f"""
-- Numbers of rules count from the configuration in force at an event: one of a restart or a reload
-- is in force from its own event on.
create view configs as
select seq as since, lead(seq, 1, {_FOREVER}) over (order by seq) as until, config
from (
  select 0 as seq, config from run
  union all
  select seq, body from entry where type = 'event' and kind in ('restarted', 'reloaded')
);
drop view round_trips;
-- `rule` is the one that opened the trade, whatever became of it later.
create view round_trips as
select json_extract(body, '$.context') as context, symbol, json_extract(body, '$.side') as side,
  json_extract(body, '$.quantity') as quantity,
  json_extract(body, '$.entry_price') as entry_price,
  json_extract(body, '$.exit_price') as exit_price,
  json_extract(body, '$.exit_reason') as exit_reason,
  json_extract(body, '$.tranches') as tranches, json_extract(body, '$.pnl') as pnl,
  json_extract(body, '$.commission') as commission,
  json_extract(
    config, '$.rules[' || ifnull(opened.rule, json_extract(body, '$.rule')) || '].name'
  ) as rule,
  {_UTC.format("json_extract(body, '$.opened_at')")} as opened_at,
  {_UTC.format("json_extract(body, '$.closed_at')")} as closed_at
from notices as over
left join (
  select seq, json_extract(body, '$.context') as context, json_extract(body, '$.rule') as rule
  from entry where type = 'notice' and kind = 'context_opened'
) as opened on opened.context = json_extract(over.body, '$.context')
-- One that was opened in the file of another day has its number of when it was over.
join configs
  on ifnull(opened.seq, over.seq) >= configs.since and ifnull(opened.seq, over.seq) < configs.until
where over.kind = 'context_concluded'
order by over.seq, over.n;
"""  # noqa: S608 - constants

UPGRADES: tuple[str, ...] = (_TABLES + _VIEWS, _DAYS, _RULES)
"""Script `k` leads from schema `k` to `k + 1`; an empty file has schema 0.

A script may add tables, views and columns. It must not touch the columns that the chain covers.
"""


class SchemaUnknown(OrderloomError):  # noqa: N818 - says what it is
    """The file was written by a newer orderloom."""


def version(connection: sqlite3.Connection) -> int:
    """Return the schema of an open file."""
    found: int = connection.execute("pragma user_version").fetchone()[0]
    return found


def upgrade(connection: sqlite3.Connection, upgrades: Sequence[str]) -> None:
    """Bring an open file to the newest schema; all steps of `upgrades` take effect, or none.

    Raises:
        SchemaUnknown: the file's schema is newer than the last of `upgrades`.
    """
    found = version(connection)
    if found > len(upgrades):
        raise SchemaUnknown(
            f"expected schema {len(upgrades)} or older, found {found}; hint: use a newer orderloom"
        )
    if found == len(upgrades):
        return
    steps = "".join(upgrades[found:])
    try:
        connection.executescript(
            f"begin immediate; {steps} pragma user_version = {len(upgrades)}; commit;"
        )
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
