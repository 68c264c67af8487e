import { useEffect, useId, useRef, useState } from 'react';
import { errorText } from './error-text.js';
import { TEXTS } from './texts.js';

interface SignInProps {
  /** Whether a token has expired. */
  readonly hasExpired: boolean;
  readonly onSignIn: (token: string) => Promise<void>;
}

/** In printable ASCII, as a header takes it. */
const TOKEN = /^[\x21-\x7e]+$/;

export function SignIn({ hasExpired, onSignIn }: SignInProps) {
  const { title, label, hint, button, checking, badToken, expired } = TEXTS.signIn;
  const [token, setToken] = useState('');
  const [isChecking, setChecking] = useState(false);
  const [problem, setProblem] = useState<string | null>(hasExpired ? expired : null);
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  // Whoever signs out, or has to sign in again, was somewhere that is gone.
  useEffect(() => input.current?.focus(), []);

  const submit = async (): Promise<void> => {
    // As it stands in a header.
    const own = token.trim().replace(/^Bearer\s+/i, '');
    if (!TOKEN.test(own)) {
      setProblem(badToken);
      return;
    }
    setChecking(true);
    setProblem(null);
    try {
      await onSignIn(own);
    } catch (error) {
      setProblem(errorText(error));
      setChecking(false);
    }
  };

  return (
    <main className="sign-in">
      <h1>{TEXTS.title}</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <h2>{title}</h2>
        <label htmlFor={id}>{label}</label>
        <input
          id={id}
          ref={input}
          type="password"
          autoComplete="off"
          required
          value={token}
          onChange={({ target }) => setToken(target.value)}
        />
        <p className="quiet">{hint}</p>
        <p role="alert" className="alert">
          {problem}
        </p>
        <button className="primary" type="submit" disabled={isChecking || token.trim() === ''}>
          {isChecking ? checking : button}
        </button>
      </form>
    </main>
  );
}
