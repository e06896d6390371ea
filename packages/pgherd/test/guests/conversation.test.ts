import { describe, expect, it } from 'vitest';
import { Conversation } from '../../src/guests/conversation.ts';

/** Letters for messages whose text may begin a COPY: Query and Parse. */
const COPY: Readonly<Record<string, number>> = { q: 0x51, p: 0x50 };

/**
 * A conversation, one letter for each message, with the letters of the protocol: `>` goes to the server, `<` to the guest. `E` is an
 * ERROR, `F` a FATAL; `I`, `T`, `X` behind `Z` is its status.
 */
function run(script: string, conversation = new Conversation()): Conversation {
  for (const turn of script.split(' ')) {
    const toServer = turn.startsWith('>');
    for (let at = 1; at < turn.length; at++) {
      const letter = turn[at] ?? '';
      if (toServer) conversation.asked(COPY[letter] ?? letter.charCodeAt(0), letter in COPY);
      else if (letter === 'F') conversation.answered(0x45, 0, true);
      else if (letter === 'Z') conversation.answered(0x5a, turn.charCodeAt(++at), false);
      else conversation.answered(letter.charCodeAt(0), 0, false);
    }
  }
  return conversation;
}

/** Scripts that are right, and whether nothing is under way at their end. */
const RIGHT: readonly (readonly [string, string, boolean])[] = [
  ['nothing at all', '>', true],
  ['asides while nothing runs', '<NSA', true],
  ['a simple statement', '>Q <TDDCZI', true],
  ['its rows', '>Q <TDD', false],
  ['a simple statement without rows', '>Q <CZI', true],
  ['several of them in one text', '>Q <TDCTDCCZI', true],
  ['an empty text', '>Q <IZI', true],
  ['an error in the second of a text', '>Q <TDCEZI', true],
  ['an error among rows', '>Q <TDEZI', true],
  ['begin', '>Q <CZT', false],
  ['begin and commit', '>Q <CZT >Q <CZI', true],
  ['a failed transaction', '>Q <CZT >Q <EZE', false],
  ['a failed transaction, rolled back', '>Q <CZT >Q <EZE >Q <CZI', true],
  ['an extended statement', '>PBDES <12TDCZI', true],
  ['without its Sync', '>PBDE <12TDC', false],
  ['answered, and no Sync', '>PBDEH <12TDC', false],
  ['describing a statement first', '>PDH <1tT >BES <2DCZI', true],
  ['without rows', '>PBDES <12nCZI', true],
  ['many behind each other', '>PBDESPBDESPBDES <12TDCZI <12TDCZI <12TDCZI', true],
  ['many behind each other, one not answered', '>PBDESPBDES <12TDCZI <12TDC', false],
  ['an error skips to the Sync', '>PBDESPBDES <EZI <12TDCZI', true],
  ['an error before the Sync was sent', '>PBDE <E >BE >S <ZI', true],
  ['an error, and no Sync yet', '>PBDE <E', false],
  ['an error at commit, behind the tag', '>PBES <12CEZI', true],
  ['parts of a portal', '>PBDEH <12TDDs >EH <DDs >EH <C >CS <3ZI', true],
  ['a portal that is left', '>PBDEH <12TDDs >CS <3ZI', true],
  ['an empty extended text', '>PBDES <12nIZI', true],
  ['COPY in', '>q <G >dddc <CZI', true],
  ['COPY in, under way', '>q <G >ddd', false],
  ['COPY in that the guest ends', '>q <G >df <EZI', true],
  ['COPY in that the server ends', '>q <G >dd <E >dd <ZI', true],
  ['COPY out', '>q <HdddcCZI', true],
  ['COPY out, under way', '>q <Hdd', false],
  ['COPY out that fails', '>q <HdEZI', true],
  ['COPY in by an extended statement, whose first Sync is ignored', '>pBES <12G >dcS <CZI', true],
  ['the same, refused by the guest', '>pBES <12G >fS <EZI', true],
  ['COPY between two texts', '>q <TDCHdcCZI', true],
  ['a function call', '>F <VZI', true],
  ['a function call that fails', '>F <EZI', true],
  ['replication', '>q <Wdd >dc <dcCZI', true],
  ['notices, parameters, notifications anywhere', '>PBDES <N1S2ATNDSCANZIA', true],
  ['a FATAL while nothing runs', '<F', true],
  ['a FATAL in the midst', '>PBDES <12TDF', false],
  ['a FATAL behind the tag', '>PBDES <12TDCF', false],
];

const WRONG: readonly (readonly [string, string])[] = [
  ['a ReadyForQuery that was not asked for', '<ZI'],
  ['a second one', '>Q <CZIZI'],
  ['one without an answer', '>Q <ZI'],
  ['one among rows', '>Q <TDZI'],
  ['one before the extended answer', '>PBDES <12ZI'],
  ['one with a status that there is not', '>Q <CZx'],
  ['rows while nothing runs', '<D'],
  ['rows without their description', '>Q <D'],
  ['rows behind the tag', '>Q <TDCD'],
  ['a second tag of an extended statement', '>PBDES <12TDCC'],
  ['an answer twice', '>PBDES <11'],
  ['an answer in the wrong order', '>PBDES <2'],
  ['the next answer before the Sync', '>PBDESPBDES <12TDC1'],
  ['a description instead of rows', '>PBES <12T'],
  ['two descriptions', '>PBDES <12TT'],
  ['PortalSuspended while nothing runs', '<s'],
  ['PortalSuspended to a simple statement', '>Q <s'],
  ['an error while nothing runs', '<E'],
  ['two errors', '>Q <EE'],
  ['two errors of an extended statement', '>PBDES <EE'],
  ['a tag behind an error', '>Q <EC'],
  ['the beginning of a COPY while nothing runs', '<G'],
  ['data of a COPY that was not begun', '>q <d'],
  ['COPY in where no text asks for it', '>Q <G'],
  ['COPY out where no text asks for it', '>Q <H'],
  ['COPY out of a statement that asks for rows', '>PBDES <12TH'],
  ['a second COPY in the midst of one', '>q <HH'],
  ['the end of a COPY without its data', '>q <HC'],
  ['an authentication request', '>Q <R'],
  ['an authentication request while nothing runs', '<R'],
  ['another key', '<K'],
  ['a version', '<v'],
  ['a letter that there is not', '>Q <~'],
  ['a function result that was not asked for', '>Q <V'],
];

describe('what a server may send to a guest', () => {
  it.each(RIGHT)('%s', (_what, script, atRest) => {
    expect(run(script).atRest).toBe(atRest);
  });

  it.each(WRONG)('not %s', (_what, script) => {
    expect(() => run(script)).toThrow(expect.objectContaining({ code: 'PGHERD_PROTOCOL_ERROR' }));
  });

  it('a guest is between two statements where no extended one waits for its Sync', () => {
    const conversation = new Conversation();
    const at = (script: string) => {
      run(script, conversation);
      return [conversation.isBetween, conversation.isAnswered, conversation.size];
    };
    expect(at('>')).toEqual([true, true, 0]);
    expect(at('>PB')).toEqual([false, false, 2]);
    expect(at('>ES')).toEqual([true, false, 4]);
    expect(at('<12CZT')).toEqual([true, true, 0]);
    expect(conversation.atRest).toBe(false);
  });
});
