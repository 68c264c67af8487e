import { useEffect, useState } from 'react';

interface PictureInputProps {
  readonly label: string;
  readonly file: File | null;
  readonly onChange: (file: File | null) => void;
}

/** A file chooser that shows what was chosen. */
export function PictureInput({ label, file, onChange }: PictureInputProps) {
  const [preview, setPreview] = useState<string | null>(null);
  useEffect(() => {
    if (file === null) return;
    const url = URL.createObjectURL(file);
    setPreview(url);
    return () => URL.revokeObjectURL(url);
  }, [file]);

  return (
    <label className="picture">
      <span>{label}</span>
      {file && preview ? (
        <img src={preview} alt={file.name} />
      ) : (
        <span className="empty">Choose a picture</span>
      )}
      <input type="file" accept="image/*" onChange={({ target }) => onChange(target.files?.[0] ?? null)} />
    </label>
  );
}
