-- A journal as schema 1 had it: what a later orderloom must still read and go on with.
BEGIN TRANSACTION;
CREATE TABLE entry (
  id   integer primary key,     -- 1, 2, 3 ...: a gap is a loss
  seq  integer not null,        -- number of the event
  n    integer not null,        -- place among the commands or notices of that event
  at   integer not null,        -- UTC nanoseconds of the event
  type text not null,           -- event, command, notice, or end of an orderly run
  kind text not null,
  body text not null,           -- JSON
  hash text not null            -- SHA-256 over the previous hash and this row
);
INSERT INTO "entry" VALUES(1,1,0,1758547800001000000,'event','connection','{"kind":"connection","state":"up"}','40a0599fcfd9bd905d0ff289acb80c44fb39467509c9cd8d4f32909e9a3b23c5');
INSERT INTO "entry" VALUES(2,2,0,1758547800002000000,'event','snapshot','{"kind":"snapshot","mark":"began"}','96b8b4fec14167116fd98815246664b432c9b55d0dde29904c6ef84d71a2ea1e');
INSERT INTO "entry" VALUES(3,3,0,1758547800003000000,'event','snapshot','{"kind":"snapshot","mark":"ended"}','4a7e3cc11ea1443058b804d222b82a34a6c5f2ba14b88a5c486d824128ef19a6');
INSERT INTO "entry" VALUES(4,3,0,1758547800003000000,'notice','mode_changed','{"kind":"mode_changed","mode":"Active","reason":"the broker''s snapshot has ended"}','969c731f9c9e9bd6c9b702555d1d0695f520f69e064691a534ce6c2e30cc8a0c');
INSERT INTO "entry" VALUES(5,4,0,1758547800004000000,'event','quote','{"kind":"quote","symbol":0,"bid":"100","ask":"100.02","bid_size":"5","ask_size":"5"}','d8c36d94bf755109acebf22b7a419d548c559cdfd21f87b2328a8d42821abfb4');
INSERT INTO "entry" VALUES(6,5,0,1758547800005000000,'event','trade','{"kind":"trade","symbol":0,"price":"100.01","size":"3"}','a10312772b82cebafba6ad599dc79705dfbb5090a4ce60ae6e6cf518430bdcfc');
INSERT INTO "entry" VALUES(7,6,0,1758547800006000000,'event','operator','{"kind":"operator","word":"halt","reason":"by hand"}','e577bd96b6d4a5fd4c43566670906f3f9448ebc9ba6264e1fcec866197d5d58e');
INSERT INTO "entry" VALUES(8,6,0,1758547800006000000,'notice','mode_changed','{"kind":"mode_changed","mode":"Halted","reason":"by hand"}','9f40e4a2bdf4216fdfd85a26ba7ab16ddd9fe62b66ba572bb9e295f3cc7390bc');
INSERT INTO "entry" VALUES(9,7,0,1758547800007000000,'event','operator','{"kind":"operator","word":"resume"}','aaaea66bb5ec04eb1f86b4fe7bc1172f49190fee5f4356a8d1cd54085f65ebb7');
INSERT INTO "entry" VALUES(10,7,0,1758547800007000000,'notice','mode_changed','{"kind":"mode_changed","mode":"Active","reason":"an operator''s word"}','252c707004bf9e2211b41b0098e65c7145ea4cff212eac9a6c342a7659e68bef');
INSERT INTO "entry" VALUES(11,7,0,1758547800007000000,'end','closed','{}','9581d308151415fa0ea65b8f5a45515a97d32b6139c421aec46c600799208a99');
CREATE TABLE run (
  orderloom  text not null,     -- version that wrote this
  config     text not null,     -- the engine's configuration, JSON
  symbols    text not null,     -- names by index, JSON
  account    text not null,     -- masked
  started_at integer not null   -- UTC nanoseconds
);
INSERT INTO "run" VALUES('0.1.0','{"run": "old", "instruments": [{"symbol": "AAPL", "tick": "0.01"}]}','["AAPL"]','DU*****01',1758547800000000000);
CREATE VIEW events as
select seq, at, strftime('%Y-%m-%dT%H:%M:%S', at / 1000000000, 'unixepoch')
  || printf('.%09dZ', at % 1000000000) as at_utc, kind,
  (select json_extract(symbols, '$[' || json_extract(body, '$.symbol') || ']') from run) as symbol, body
from entry where type = 'event';
CREATE VIEW commands as
select seq, n, at, strftime('%Y-%m-%dT%H:%M:%S', at / 1000000000, 'unixepoch')
  || printf('.%09dZ', at % 1000000000) as at_utc, kind,
  (select json_extract(symbols, '$[' || coalesce(json_extract(body, '$.ticket.symbol'), json_extract(body, '$.symbol')) || ']') from run)
    as symbol,
  coalesce(json_extract(body, '$.ticket.order_id'), json_extract(body, '$.order_id')) as order_id,
  body
from entry where type = 'command';
CREATE VIEW notices as
select seq, n, at, strftime('%Y-%m-%dT%H:%M:%S', at / 1000000000, 'unixepoch')
  || printf('.%09dZ', at % 1000000000) as at_utc, kind,
  (select json_extract(symbols, '$[' || json_extract(body, '$.symbol') || ']') from run) as symbol, body
from entry where type = 'notice';
CREATE VIEW orders as
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
CREATE VIEW fills as
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
CREATE VIEW round_trips as
select json_extract(body, '$.context') as context, symbol, json_extract(body, '$.side') as side,
  json_extract(body, '$.quantity') as quantity,
  json_extract(body, '$.entry_price') as entry_price,
  json_extract(body, '$.exit_price') as exit_price,
  json_extract(body, '$.exit_reason') as exit_reason,
  json_extract(body, '$.tranches') as tranches, json_extract(body, '$.pnl') as pnl,
  json_extract(body, '$.commission') as commission,
  (select json_extract(config, '$.rules[' || json_extract(body, '$.rule') || '].name') from run)
    as rule,
  strftime('%Y-%m-%dT%H:%M:%S', json_extract(body, '$.opened_at') / 1000000000, 'unixepoch')
  || printf('.%09dZ', json_extract(body, '$.opened_at') % 1000000000) as opened_at,
  strftime('%Y-%m-%dT%H:%M:%S', json_extract(body, '$.closed_at') / 1000000000, 'unixepoch')
  || printf('.%09dZ', json_extract(body, '$.closed_at') % 1000000000) as closed_at
from notices where kind = 'context_concluded';
COMMIT;
pragma user_version = 1;
