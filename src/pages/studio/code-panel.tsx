/** "Show me the code": the swap on the page, for a program. */
import { type KeyboardEvent, useId, useRef, useState } from 'react';
import { codeSamples } from './code-samples.js';
import type { PageConfig } from './page-config.js';
import type { SwapOrder } from './swap-order.js';
import { TEXTS } from './texts.js';

interface CodePanelProps {
  /** Null for a swap of another program, of which not all is known. */
  readonly order: SwapOrder | null;
  readonly config: PageConfig;
}

/** Where the arrow keys lead, as in every list of tabs (WAI-ARIA Authoring Practices). */
const STEPS: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowLeft: -1 };

export function CodePanel({ order, config }: CodePanelProps) {
  const { code } = TEXTS;
  return (
    <details className="panel code">
      <summary>{code.title}</summary>
      {order === null ? <p className="quiet">{code.foreign}</p> : <Samples order={order} config={config} />}
    </details>
  );
}

interface SamplesProps {
  readonly order: SwapOrder;
  readonly config: PageConfig;
}

function Samples({ order, config }: SamplesProps) {
  const { code } = TEXTS;
  const url = new URL('graphql', document.baseURI).href;
  const needsToken = config.signIn;
  const samples = codeSamples(order, url, needsToken, code).filter(
    ({ hasPackage }) => hasPackage || config.takesAnyDocument,
  );
  const [shown, setShown] = useState(0);
  const tabs = useRef<HTMLDivElement>(null);
  const id = useId();
  const press = ({ key }: KeyboardEvent): void => {
    const step = STEPS[key];
    if (step === undefined) return;
    const next = (shown + step + samples.length) % samples.length;
    setShown(next);
    tabs.current?.querySelectorAll<HTMLElement>('[role=tab]')[next]?.focus();
  };
  const sample = samples[shown];

  return (
    <>
      <div ref={tabs} role="tablist" aria-label={code.title} onKeyDown={press}>
        {samples.map(({ name }, index) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}${index}`}
            aria-selected={index === shown}
            aria-controls={id}
            tabIndex={index === shown ? 0 : -1}
            onClick={() => setShown(index)}
          >
            {name}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={id} aria-labelledby={`${id}${shown}`}>
        {sample?.parts.map((part) => (
          <Block key={`${sample.name} ${part.title}`} {...part} />
        ))}
        {sample && <p className="quiet">{code.hints[sample.name]}</p>}
        {sample && needsToken && <p className="quiet">{code.tokens[sample.name]}</p>}
        {sample?.name === 'React' && !config.opensToThisMachine && <p className="quiet">{code.origin}</p>}
        {[order.source, order.target].some((address) => address.includes('/uploads/')) && (
          <p className="quiet">{code.files}</p>
        )}
      </div>
    </>
  );
}

function Block({ title, code: text }: { readonly title: string | null; readonly code: string }) {
  const { code } = TEXTS;
  const [said, setSaid] = useState<string | null>(null);
  const block = useRef<HTMLTextAreaElement>(null);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid(code.copied);
    } catch {
      // Only secure contexts have a clipboard; the old command works in all.
      block.current?.select();
      setSaid(document.execCommand('copy') ? code.copied : code.select);
    }
  };
  return (
    <figure>
      <figcaption className="row">
        <span className="quiet">{title}</span>
        <span className="end quiet" role="status">
          {said}
        </span>
        <button type="button" onClick={() => void copy()} onBlur={() => setSaid(null)}>
          {code.copy}
        </button>
      </figcaption>
      <textarea
        ref={block}
        readOnly
        aria-label={title ?? code.title}
        rows={text.trimEnd().split('\n').length}
        spellCheck={false}
        value={text}
      />
    </figure>
  );
}
