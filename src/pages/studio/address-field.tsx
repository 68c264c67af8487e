import { useEffect, useId, useRef, useState } from 'react';
import { TEXTS } from './texts.js';
import type { Picture } from './use-picture.js';

interface AddressFieldProps {
  readonly name: string;
  readonly picture: Picture;
}

/** Takes the address of a picture in place of a file. */
export function AddressField({ name, picture: { chosen, chooseAddress } }: AddressFieldProps) {
  const [text, setText] = useState('');
  /** What was taken, so that leaving the field does not take it again. */
  const taken = useRef('');
  const id = useId();
  const shown = chosen?.file === null ? chosen.preview : '';
  useEffect(() => {
    // Whatever was chosen elsewhere replaces what was being typed.
    setText(shown);
    taken.current = shown;
  }, [shown, chosen]);

  const take = (typed: string): void => {
    if (typed === taken.current) return;
    taken.current = typed;
    chooseAddress(typed);
  };
  return (
    <>
      <label htmlFor={id} className="hidden">
        {TEXTS.form.address(name)}
      </label>
      <input
        id={id}
        type="url"
        inputMode="url"
        placeholder={TEXTS.form.addressLooks}
        value={text}
        onChange={({ target, nativeEvent }) => {
          setText(target.value);
          const isPasted = nativeEvent instanceof InputEvent && nativeEvent.inputType === 'insertFromPaste';
          // What is pasted or emptied is whole; what is typed is not before the field is left.
          if (isPasted || target.value === '') take(target.value);
        }}
        onBlur={() => take(text)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return;
          // Otherwise the form would be sent before the address is read.
          event.preventDefault();
          take(text);
        }}
      />
    </>
  );
}
