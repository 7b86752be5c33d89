// Holds the watcherinfo document to RFC 3858.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { WatcherEntry, WatcherinfoDocument } from '../../../modules/presence/api';
import { renderWatcherinfo } from '../../../modules/presence_xml/watcherinfo';

const document = (watchers: WatcherEntry[], more: Partial<WatcherinfoDocument> = {}): WatcherinfoDocument => ({
  resource: 'sip:alice@example.com',
  package: 'presence',
  version: 0,
  state: 'full',
  watchers,
  ...more,
});

const bob: WatcherEntry = { uri: 'sip:bob@example.com', id: '77ajsyy76', status: 'pending', event: 'subscribe' };

test('a document says version, state, resource, package, and of each watcher what is known', () => {
  const text = renderWatcherinfo(
    document(
      [
        bob,
        {
          uri: 'sip:carol@example.com',
          id: 'x9',
          status: 'terminated',
          event: 'giveup',
          durationSubscribed: 3600,
          expiration: 0,
          displayName: 'Carol',
        },
      ],
      { version: 7, state: 'partial' },
    ),
  ).toString();
  assert.equal(
    text,
    `<?xml version="1.0" encoding="UTF-8"?>
<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="7" state="partial">
<watcher-list resource="sip:alice@example.com" package="presence">
<watcher id="77ajsyy76" event="subscribe" status="pending">sip:bob@example.com</watcher>
<watcher id="x9" event="giveup" status="terminated" duration-subscribed="3600" expiration="0" display-name="Carol">sip:carol@example.com</watcher>
</watcher-list>
</watcherinfo>
`,
  );
});

test('a list without watchers is a list all the same', () => {
  assert.match(renderWatcherinfo(document([])).toString(), /<watcher-list [^>]*>\n<\/watcher-list>/);
});

test('the same document gives the same bytes', () => {
  const many = document(Array.from({ length: 50 }, (_, i) => ({ ...bob, id: `w${i}`, expiration: i })));
  assert.deepEqual(renderWatcherinfo(many), renderWatcherinfo(many));
});

test('seconds are whole and never negative', () => {
  const text = renderWatcherinfo(document([{ ...bob, durationSubscribed: -3, expiration: 59.9 }])).toString();
  assert.match(text, /duration-subscribed="0" expiration="59"/);
});

test('URIs and names from the network are escaped, and what XML cannot hold is replaced', () => {
  const text = renderWatcherinfo(
    document([{ ...bob, uri: 'sip:<b>&"\u0000@example.com', id: '"&', displayName: 'Zoë "<&>\n\ud83d' }], {
      resource: 'sip:a&b@example.com',
    }),
  ).toString();
  assert.match(text, /resource="sip:a&amp;b@example.com"/);
  assert.match(text, />sip:&lt;b&gt;&amp;"\ufffd@example.com</);
  assert.match(text, /id="&quot;&amp;"/);
  assert.match(text, /display-name="Zoë &quot;&lt;&amp;>&#10;\ufffd"/);
});
